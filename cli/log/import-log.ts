/** An export into a scratch space: read through once to see that it is whole, then written. */
import { PointsmanError } from '../../shared/errors.ts';
import { isName } from '../../shared/model/ids.ts';
import { ScratchSpace } from '../../shared/redis/scratch-space.ts';
import type { Ports } from '../../workers/app.ts';
import { exportItems } from './export-items.ts';
import { ExportParser } from './export-parser.ts';

export interface Imported {
  readonly name: string;
  readonly streams: number;
  readonly events: number;
  readonly skipped: number;
  /** What is wrong without a line that could be left out. */
  readonly noted: number;
}

/** @throws PointsmanError EXPORT_INVALID, or USAGE: the name is none, or taken. */
export async function importLog(
  ports: Ports,
  file: string,
  name: string,
  options: { readonly replace: boolean; readonly skipBad: boolean },
): Promise<Imported> {
  if (!isName(name)) throw usage(`${JSON.stringify(name)} is no name for a scratch space`, 'letters, digits, `_`, `.`, `-`, at most 64');
  const checked = new ExportParser(file, options.skipBad);
  for await (const _ of exportItems(file, checked));
  const space = new ScratchSpace(ports.redis, ports.keys.scratch(name));
  if (options.replace) await space.clear();
  else if (!(await space.isEmpty())) throw usage(`there is a scratch space ${name} already`, 'take another name, or --replace');
  const parser = new ExportParser(file, options.skipBad);
  let streams = 0;
  for await (const batch of exportItems(file, parser)) {
    for (const { item } of batch) {
      if (item.kind === 'stream') streams += 1;
      await space.add(item);
    }
  }
  await space.flush();
  return { name, streams, events: parser.events, skipped: parser.defects.count, noted: parser.defects.noted };
}

function usage(message: string, hint: string): PointsmanError {
  return new PointsmanError('USAGE', message, { hint, retry: 'terminal' });
}
