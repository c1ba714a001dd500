/**
 * Wanting a reload: the first reason sets when it is due (a short while for others to join, and the minimum interval since the last one); later
 * reasons join it. And what was refused, so that the same file is not tried again and again.
 */
import { proxyStamp } from '../../shared/haproxy/render-managed.ts';
import type { ProxyId, ServiceName } from '../../shared/model/ids.ts';
import type { ProxyAgent } from './proxy-agent.ts';

/** Changes that come together share a reload. */
const SETTLE_MS = 100;
/** A refused file is tried again after this even when it is the same: a port may be free, the base file mended. */
export const RETRY_REJECTED_MS = 60_000;

/** By how much the clocks of hosts that share a proxy may differ. */
const SKEW_MS = 5_000;

const REJECTED = 'rejected:';
/** Beside the services' fields, which have a colon. */
const STAMP_FIELD = 'rejectedStamp';

export interface Rejected {
  /** What was refused: a service's structure, or the proxy's stamp. */
  readonly structure: string;
  readonly message: string;
  /** ms since the epoch. */
  readonly nextTry: number;
  /** A reload with it failed though `haproxy -c` took it: it is tried by itself (reload-turn.ts). */
  readonly alone?: boolean;
}

export async function wantReload(agent: ProxyAgent, why: string): Promise<void> {
  const { proxies, queues } = agent.ports;
  const { id, pool, reloadPolicy } = agent.config;
  const now = Date.now();
  const state = await proxies.state(id);
  let due = state.reloadDue === undefined ? null : Number(state.reloadDue);
  const longest = reloadPolicy.minInterval * (1 + reloadPolicy.jitter);
  if (due === null || due < now - reloadPolicy.minInterval || isTooFar(due, now, SETTLE_MS + longest)) {
    const interval = reloadPolicy.minInterval * (1 + Math.random() * reloadPolicy.jitter);
    due = Math.max(now + SETTLE_MS, lastReloadIn(state, now) + interval);
    await proxies.setState(id, { reloadDue: String(Math.round(due)) });
  }
  await queues.wakeReload(pool, id, Math.max(1, Math.round(due - now)), { why, time: now });
}

/** PURE. When the last reload was, of what is stored of the proxy; 0: there was none, or nobody knows since the clock was set back. */
export function lastReloadIn(state: Readonly<Record<string, string>>, now: number): number {
  const at = Number(state.lastReload ?? '0');
  return isTooFar(at, now, 0) ? 0 : at;
}

/** Whether a stored time lies further ahead than it can have been set: the clock was set back since, and it would hold things up for as long as that. */
function isTooFar(time: number, now: number, longestMs: number): boolean {
  return time > now + longestMs + SKEW_MS;
}

/** null: the structure was not refused. */
export async function rejectionOf(agent: ProxyAgent, service: ServiceName, structure: string): Promise<Rejected | null> {
  return rejectionIn(await agent.ports.proxies.state(agent.config.id), service, structure, Date.now());
}

/** What was refused of a reload that no service's section asks for (new managed defaults, a service that goes); null: nothing. */
export async function stampRejection(agent: ProxyAgent): Promise<Rejected | null> {
  const { keys, proxies } = agent.ports;
  return stampRejectionIn(await proxies.state(agent.config.id), proxyStamp(keys.prefix, agent.config), Date.now());
}

/** PURE. Of what is stored of the proxy. */
export function rejectionIn(
  state: Readonly<Record<string, string>>,
  service: ServiceName,
  structure: string,
  now: number,
): Rejected | null {
  return rejectedAs(state[rejectedField(service)], structure, now);
}

/** PURE. Of what is stored of the proxy. */
export function stampRejectionIn(state: Readonly<Record<string, string>>, stamp: string, now: number): Rejected | null {
  return rejectedAs(state[STAMP_FIELD], stamp, now);
}

/** null: no longer refused. `stamp` is the proxy's own, undefined: as it was. */
export async function noteRejections(
  agent: ProxyAgent,
  services: ReadonlyMap<ServiceName, Rejected | null>,
  stamp?: Rejected | null,
): Promise<void> {
  const fields = [...services].map(([service, rejected]) => [rejectedField(service), rejected === null ? '' : JSON.stringify(rejected)]);
  if (stamp !== undefined) fields.push([STAMP_FIELD, stamp === null ? '' : JSON.stringify(stamp)]);
  if (fields.length > 0) await agent.ports.proxies.setState(agent.config.id, Object.fromEntries(fields) as Record<string, string>);
}

/** They are tried again at once. `service` null: all of the proxy's. */
export async function dropRejections(proxies: ProxyAgent['ports']['proxies'], proxy: ProxyId, service: ServiceName | null): Promise<void> {
  const known = Object.keys(await proxies.state(proxy)).filter((field) => field.startsWith(REJECTED) || field === STAMP_FIELD);
  const fields = service === null ? known : known.filter((field) => field === rejectedField(service));
  if (fields.length > 0) await proxies.setState(proxy, Object.fromEntries(fields.map((field) => [field, ''])));
}

function rejectedAs(json: string | undefined, structure: string, now: number): Rejected | null {
  if (json === undefined || json === '') return null;
  const rejected = JSON.parse(json) as Rejected;
  if (rejected.structure !== structure) return null;
  return isTooFar(rejected.nextTry, now, RETRY_REJECTED_MS) ? { ...rejected, nextTry: now } : rejected;
}

function rejectedField(service: ServiceName): string {
  return `${REJECTED}${service}`;
}
