/**
 * Wanting a reload: the first reason sets when it is due (a short while for others to join, and the minimum interval since the last one); later
 * reasons join it. And what was refused, so that the same file is not tried again and again.
 */
import type { ServiceName } from '../../shared/model/ids.ts';
import type { ProxyAgent } from './proxy-agent.ts';

/** Changes that come together share a reload. */
const SETTLE_MS = 100;
/** A refused file is tried again after this even when it is the same: a port may be free, the base file mended. */
export const RETRY_REJECTED_MS = 60_000;

export interface Rejected {
  readonly structure: string;
  readonly message: string;
  /** ms since the epoch. */
  readonly nextTry: number;
}

export async function wantReload(agent: ProxyAgent, why: string): Promise<void> {
  const { proxies, queues } = agent.ports;
  const { id, pool, reloadPolicy } = agent.config;
  const now = Date.now();
  const state = await proxies.state(id);
  let due = state.reloadDue === undefined ? null : Number(state.reloadDue);
  if (due === null || due < now - reloadPolicy.minInterval) {
    const interval = reloadPolicy.minInterval * (1 + Math.random() * reloadPolicy.jitter);
    due = Math.max(now + SETTLE_MS, Number(state.lastReload ?? '0') + interval);
    await proxies.setState(id, { reloadDue: String(Math.round(due)) });
  }
  await queues.wakeReload(pool, id, Math.max(1, Math.round(due - now)), { why, time: now });
}

/** null: the structure was not refused. */
export async function rejectionOf(agent: ProxyAgent, service: ServiceName, structure: string): Promise<Rejected | null> {
  const json = (await agent.ports.proxies.state(agent.config.id))[rejectedField(service)];
  if (json === undefined || json === '') return null;
  const rejected = JSON.parse(json) as Rejected;
  return rejected.structure === structure ? rejected : null;
}

export async function noteRejections(agent: ProxyAgent, outcomes: ReadonlyMap<ServiceName, Rejected | null>): Promise<void> {
  if (outcomes.size === 0) return;
  const fields = [...outcomes].map(([service, rejected]) => [rejectedField(service), rejected === null ? '' : JSON.stringify(rejected)]);
  await agent.ports.proxies.setState(agent.config.id, Object.fromEntries(fields) as Record<string, string>);
}

function rejectedField(service: ServiceName): string {
  return `rejected:${service}`;
}
