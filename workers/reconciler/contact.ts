/** How a pass begins: what Redis has for the proxy, and a connection of the pass's own to the living worker, asked for side by side. */
import { PointsmanError } from '../../shared/errors.ts';
import type { RuntimeConnection } from '../../shared/haproxy/connection.ts';
import { type ObservedProxy, observeProxy, observeProxyAndBackend } from '../../shared/haproxy/observe.ts';
import { openRuntime } from '../../shared/haproxy/runtime.ts';
import type { ServiceName } from '../../shared/model/ids.ts';
import type { ObservedBackend } from '../../shared/model/observed.ts';
import type { OwnRollout } from '../../shared/model/rollout.ts';
import type { Claim, Found } from '../../shared/redis/claim.ts';
import type { News } from '../../shared/runtime/handover.ts';
import type { ProxyAgent } from './proxy-agent.ts';
import { ownRollout } from './rollout.ts';

/** What was seen longer ago than this before there was something to do is looked at again. */
const OBSERVED_FRESH_MS = 100;

interface Contact {
  readonly connection: RuntimeConnection;
  readonly proxy: ObservedProxy;
  /** When that was read (performance.now()). */
  readonly provenAt: number;
}

/** What was asked for beforehand about one service. */
export interface Ahead extends News {
  readonly service: ServiceName;
  readonly backends: Found['backends'];
  /** As HAProxy has it, read under the claim. */
  readonly observed: ObservedBackend | null;
}

/** What a pass begins with: the marks, the worker that was last seen, and a connection of its own to the living one, or why there is none. */
export interface Start {
  readonly dirty: ReadonlyMap<ServiceName, number>;
  readonly worker: string | null;
  readonly forms: string;
  readonly ahead: Ahead | null;
  readonly rollout: OwnRollout | null;
  readonly contact: Contact | PointsmanError;
}

/** A service that will be among the dirty ones; what is known of it is asked for in the same breath. */
export interface About {
  readonly service: ServiceName;
  /** What it should be, if that is handed over rather than read. Resolves to null when there is nothing to do after all. */
  readonly news: Promise<News | null> | null;
}

/** null: there is nothing to do after all, or the claim is another's. `ours`: the claim; the backend is looked at only under it. */
export async function begin(agent: ProxyAgent, about: About | null, ours: Promise<Claim | null>): Promise<Start | null> {
  const asked = about === null ? null : (about.news ?? read(agent, about.service));
  const reaching = reach(agent, about?.service ?? null, ours);
  // Sent behind the request for the claim, so it is answered with it.
  const rolling = ownRollout(agent);
  rolling.catch(() => undefined);
  const leave = (): null => {
    void reaching.then(({ contact }) => close(contact)).catch(() => undefined);
    return null;
  };
  const claim = await ours;
  if (claim === null) return leave();
  // A HAProxy that does not answer holds up nobody who has nothing to tell it.
  if (asked !== null && (await Promise.race([asked, reaching])) === null) return leave();
  const { contact, observed } = await reaching;
  const { dirty, worker, backends, forms } = claim.found;
  try {
    const rollout = await rolling;
    if (about === null) return { dirty, worker, forms, ahead: null, rollout, contact };
    const news = await asked;
    if (news === null) return leave();
    const fresh = performance.now() - (contact instanceof PointsmanError ? 0 : contact.provenAt) < OBSERVED_FRESH_MS;
    return {
      dirty,
      worker,
      forms,
      ahead: { service: about.service, backends, observed: fresh ? observed : null, ...news },
      rollout,
      contact,
    };
  } catch (error) {
    leave();
    throw error;
  }
}

function read(agent: ProxyAgent, service: ServiceName): Promise<News> {
  const desired = agent.ports.desired.read(service);
  desired.catch(() => undefined);
  return Promise.resolve({ desired, committed: desired });
}

function close(contact: Contact | PointsmanError): void {
  if (!(contact instanceof PointsmanError)) contact.connection.close();
}

async function reach(
  agent: ProxyAgent,
  about: ServiceName | null,
  ours: Promise<Claim | null>,
): Promise<{ contact: Contact | PointsmanError; observed: ObservedBackend | null }> {
  let connection: RuntimeConnection | null = null;
  try {
    connection = await openRuntime(agent.config.runtime);
    if ((await ours) === null)
      throw new PointsmanError('CLAIM_TAKEN', 'another worker has the proxy', { hint: 'it is looked at again', retry: 'transient' });
    const provenAt = performance.now();
    const { proxy, backend } =
      about === null ? { proxy: await observeProxy(connection), backend: null } : await observeProxyAndBackend(connection, about);
    if (!proxy.stopping) return { contact: { connection, proxy, provenAt }, observed: backend };
    throw new PointsmanError('HAPROXY_NOT_LIVING_WORKER', 'the worker that answers is stopping', {
      hint: 'it is looked at again',
      retry: 'transient',
    });
  } catch (error) {
    connection?.close();
    if (error instanceof PointsmanError) return { contact: error, observed: null };
    throw error;
  }
}
