/** Why a check fails, in HAProxy's own words: asked when a server goes down, and only then. Without an answer in time the news goes without. */
import { observeStatistics } from '../../shared/haproxy/observe.ts';
import { parseCheckResults } from '../../shared/haproxy/parse-check-results.ts';
import { withRuntime } from '../../shared/haproxy/runtime.ts';
import type { DesiredBackend } from '../../shared/model/desired.ts';
import type { HealthChange } from '../../shared/model/event.ts';
import type { ServiceName } from '../../shared/model/ids.ts';
import type { RuntimeAddress } from '../../shared/model/proxy-config.ts';
import { within } from '../../shared/runtime/deadline.ts';
import { escapeText } from '../../shared/znode/escape.ts';

/** Three round trips of a millisecond or so. The news waits for them, and with `first` it moves the traffic to another path. */
const ASK_WITHIN_MS = 50;

export async function withCheckWords(
  runtime: RuntimeAddress,
  service: ServiceName,
  desired: DesiredBackend | null,
  news: readonly HealthChange[],
): Promise<readonly HealthChange[]> {
  if (desired === null || desired.config.check.type === 'none' || !news.some(({ to }) => to === 'down')) return news;
  const asked = withRuntime(runtime, (connection) => observeStatistics(connection, service, parseCheckResults));
  const words = await within(ASK_WITHIN_MS, asked, () => new Error('no answer in time')).catch(() => null);
  if (words === null) return news;
  const named = new Map([...desired.servers.values()].map(({ instance, name }) => [instance, name]));
  return news.map((one) => {
    const found = one.to === 'down' ? words.get(named.get(one.instance) ?? '') : undefined;
    return found === undefined ? one : { ...one, detail: escapeText(found) };
  });
}
