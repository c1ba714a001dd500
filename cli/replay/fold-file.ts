/** The chosen services of an export through the machines: what one core does of a replay from a file. */
import { PointsmanError } from '../../shared/errors.ts';
import { exportItems } from '../log/export-items.ts';
import { ExportParser } from '../log/export-parser.ts';
import { printable } from '../printable.ts';
import { FoldItems } from './fold-items.ts';
import type { Replayed, ReplayRequest, Told } from './replay-report.ts';

export interface FoldedFile {
  readonly streams: readonly Replayed[];
  /** Events that were well-formed and yet could not be folded. */
  readonly unfoldable: number;
  readonly told: readonly string[];
}

const TOLD_MAX = 20;

/** `report` is awaited after each batch of lines. @throws PointsmanError EXPORT_INVALID */
export async function foldFile(
  file: string,
  request: ReplayRequest,
  chosen: ReadonlySet<string>,
  report: (told: readonly Told[], events: number) => Promise<void>,
): Promise<FoldedFile> {
  const parser = new ExportParser(file, request.skipBad, (service) => chosen.has(service));
  let at = 0;
  let unfoldable = 0;
  const reasons: string[] = [];
  const folding = new FoldItems(
    request,
    (name) => chosen.has(name),
    (reason) => {
      if (!request.skipBad) {
        throw new PointsmanError('EXPORT_INVALID', `${file}:${at}: ${printable(reason)}`, {
          hint: 'take the export again, or leave out what is bad with --skip-bad',
          retry: 'terminal',
        });
      }
      unfoldable += 1;
      if (reasons.length < TOLD_MAX) reasons.push(`${at}: ${reason}`);
    },
  );
  for await (const batch of exportItems(file, parser)) {
    for (const { item, line } of batch) {
      at = line;
      folding.accept(item);
    }
    await report(folding.takeTold(), folding.events);
  }
  folding.finish();
  await report(folding.takeTold(), folding.events);
  return { streams: folding.done, unfoldable, told: reasons };
}
