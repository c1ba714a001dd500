/** PURE. The table of what somebody set on HAProxy by hand. HAProxy does not say who it was. */
import { ageText } from '../age.ts';
import type { Cell } from '../table.ts';
import type { ProxyStatus } from './report.ts';

export const OVERRIDES_HEAD = ['proxy', 'service', 'server', 'override', 'set by', 'since'];

export function overrideRows(proxies: readonly ProxyStatus[], now: number, most: number): (readonly (string | Cell)[])[] {
  const all = proxies.flatMap(({ proxy, backends }) =>
    backends.flatMap(({ service, overrides }) => overrides.map((one) => ({ proxy, service, ...one }))),
  );
  return all
    .slice(0, most)
    .map(({ proxy, service, server, what, since }) => [
      proxy,
      service,
      server,
      { text: what, tone: 'warning' },
      'hand, on HAProxy',
      `${ageText(now - since)} ago`,
    ]);
}
