/** Waits until an operator's act has reached the proxies, for the command that did it. In bounded time: the act itself is done by then. */
import type { BackendSnapshot } from '../machines/backend.ts';
import { ANNOUNCE_FRESH_MS } from '../shared/model/freshness.ts';
import { matchesAny } from '../shared/model/glob.ts';
import type { ProxyId, ServiceName } from '../shared/model/ids.ts';
import { pause } from '../shared/runtime/wait.ts';
import type { Ports } from '../workers/app.ts';

const WITHIN_MS = 5_000;
const LOOK_EVERY_MS = 20;

export interface Confirmation {
  /** The log has it, and the machines have decided. */
  readonly decided: boolean;
  /** Proxies that have nothing left to look at for the service. */
  readonly live: readonly ProxyId[];
  /** The others that carry it: not reached yet, or nobody works on them. */
  readonly pending: readonly ProxyId[];
  readonly ms: number;
}

/** `decided`: whether the service's snapshot shows it. */
export async function confirmed(ports: Ports, service: ServiceName, decided: () => Promise<boolean>): Promise<Confirmation> {
  const began = performance.now();
  const spent = (): number => Math.round(performance.now() - began);
  let isDecided = false;
  let live: ProxyId[] = [];
  let pending: ProxyId[] = [];
  for (;;) {
    isDecided ||= await decided();
    if (isDecided) {
      const carriers = (await ports.proxies.announced()).filter((proxy) => matchesAny(proxy.services, service));
      const { revision, published } = await ports.store.head(service);
      live = [];
      pending = [];
      for (const { id, at } of carriers) {
        const isLive = published >= revision && Date.now() - at <= ANNOUNCE_FRESH_MS && (await hasApplied(ports, id, service, revision));
        (isLive ? live : pending).push(id);
      }
      if (pending.length === 0) break;
    }
    if (spent() > WITHIN_MS) break;
    await pause(LOOK_EVERY_MS);
  }
  return { decided: isDecided, live, pending, ms: spent() };
}

/** In sync, or nothing left to look at (what leaves at its own pace keeps a backend from being in sync). */
async function hasApplied(ports: Ports, proxy: ProxyId, service: ServiceName, revision: number): Promise<boolean> {
  const json = await ports.proxies.backend(proxy, service);
  const backend = json === null ? null : (JSON.parse(json) as BackendSnapshot);
  if (backend?.state === 'in-sync' && backend.context.revision >= revision) return true;
  return !(await ports.proxies.dirty(proxy)).has(service);
}

/** `on edge, backup (85 ms)`, or what is missing. */
export function confirmationText({ decided, live, pending, ms }: Confirmation): string {
  if (!decided)
    return 'no watcher and transition worker took it within 5 s; it will be taken when they are back (`pointsman status` says who is missing)';
  const parts = [
    ...(live.length > 0 ? [`live on ${live.join(', ')} (${ms} ms)`] : []),
    ...(pending.length > 0 ? [`not yet on ${pending.join(', ')}: \`pointsman status\` says why`] : []),
  ];
  return parts.length === 0 ? 'no proxy carries the service' : parts.join('; ');
}
