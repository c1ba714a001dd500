/** A replay straight from Redis: read page by page, folded here. */
import { PointsmanError } from '../../shared/errors.ts';
import type { ServiceName } from '../../shared/model/ids.ts';
import type { LogSource } from '../../shared/redis/log-source.ts';
import { printable } from '../printable.ts';
import { FoldItems } from './fold-items.ts';
import type { Listener, ReplayReport, ReplayRequest } from './replay-report.ts';

/** Items between two looks at what there is to tell. */
const TELL_EVERY = 1_000;
/** Of what was left out, told one by one. */
const SKIPPED_TOLD_MAX = 20;

export async function replayLog(
  source: LogSource,
  services: readonly ServiceName[],
  request: ReplayRequest,
  listener: Listener,
): Promise<ReplayReport> {
  const skipped = { count: 0, told: [] as string[] };
  const unfoldable = (reason: string): void => {
    if (!request.skipBad)
      throw new PointsmanError('LOG_EVENT_UNKNOWN', printable(reason), { hint: 'leave it out with --skip-bad', retry: 'terminal' });
    skipped.count += 1;
    if (skipped.told.length < SKIPPED_TOLD_MAX) skipped.told.push(reason);
  };
  const folding = new FoldItems(request, () => true, unfoldable);
  let count = 0;
  for (const [index, service] of services.entries()) {
    for await (const item of source.service(service)) {
      folding.accept(item);
      count += 1;
      if (count % TELL_EVERY !== 0) continue;
      for (const told of folding.takeTold()) await listener.transitions(told);
    }
    for (const told of folding.takeTold()) await listener.transitions(told);
    listener.progress(index + 1, services.length);
  }
  return { streams: folding.done, skipped: { ...skipped, noted: 0, notes: [] } };
}
