/** The items of an export, each with its line, in batches. What the machines could not take as an event is refused here, or left out and counted. */
import { PointsmanError } from '../../shared/errors.ts';
import type { LogItem } from '../../shared/model/log-item.ts';
import { loggedEvent } from '../../shared/redis/entry.ts';
import { exportLines } from './export-lines.ts';
import type { ExportParser } from './export-parser.ts';

export interface ReadItem {
  readonly item: LogItem;
  readonly line: number;
}

/** @throws PointsmanError EXPORT_INVALID */
export async function* exportItems(file: string, parser: ExportParser): AsyncGenerator<ReadItem[]> {
  let ofService = false;
  for await (const lines of exportLines(file, (reason) => parser.defect(reason))) {
    const batch: ReadItem[] = [];
    for (const bytes of lines) {
      const item = parser.push(bytes);
      if (item === null) continue;
      if (item.kind === 'stream') ofService = item.of === 'service';
      if (item.kind === 'event' && ofService && !parser.isKnownGood && !isEvent(item, parser)) continue;
      batch.push({ item, line: parser.line });
    }
    if (batch.length > 0) yield batch;
  }
  parser.finish();
}

function isEvent(item: Extract<LogItem, { kind: 'event' }>, parser: ExportParser): boolean {
  try {
    loggedEvent(item);
    return true;
  } catch (error) {
    if (!(error instanceof PointsmanError)) throw error;
    parser.defect(error.message);
    return false;
  }
}
