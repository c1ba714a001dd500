/** PURE. What is stored of a proxy's breaker, for people. */
import { ANNOUNCE_FRESH_MS } from '../../shared/model/freshness.ts';
import type { ProxyStatus } from './report.ts';

/** A process that lives writes it again every few seconds; null: the socket does not hang, or nobody says so any more. */
export function readBreaker(stored: string | undefined, now: number): ProxyStatus['breaker'] {
  if (!stored) return null;
  const { at, ...breaker } = JSON.parse(stored) as NonNullable<ProxyStatus['breaker']> & { at: number };
  return now - at > ANNOUNCE_FRESH_MS ? null : breaker;
}
