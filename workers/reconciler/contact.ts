/** How a pass begins: what Redis has for the proxy, and a connection of the pass's own to the living worker, asked for side by side. */
import { PointsmanError } from '../../shared/errors.ts';
import { RuntimeConnection } from '../../shared/haproxy/connection.ts';
import { type ObservedProxy, observeProxy } from '../../shared/haproxy/observe.ts';
import type { ServiceName } from '../../shared/model/ids.ts';
import type { Desired } from '../../shared/redis/desired-store.ts';
import type { ProxyAgent } from './proxy-agent.ts';

interface Contact {
  readonly connection: RuntimeConnection;
  readonly proxy: ObservedProxy;
  /** When that was read (performance.now()). */
  readonly provenAt: number;
}

/** What was asked of Redis beforehand for one service, after the claim. */
export interface Ahead {
  readonly service: ServiceName;
  readonly desired: Promise<Desired>;
  /** As ProxyStore.backendsOf. */
  readonly backend: Promise<Map<ServiceName, string>>;
}

/** What a pass begins with: the marks, the worker that was last seen, and a connection of its own to the living one, or why there is none. */
export interface Start {
  readonly dirty: ReadonlyMap<ServiceName, number>;
  readonly worker: string | null;
  readonly ahead: Ahead | null;
  readonly contact: Contact | PointsmanError;
}

/** `about`: a service that will be among the dirty ones; what Redis has for it is asked for in the same breath. */
export async function begin(agent: ProxyAgent, about: ServiceName | null): Promise<Start> {
  const { proxies, desired } = agent.ports;
  const marks = proxies.begin(agent.config.id);
  const ahead =
    about === null ? null : { service: about, desired: desired.read(about), backend: proxies.backendsOf(agent.config.id, [about]) };
  ahead?.desired.catch(() => undefined);
  ahead?.backend.catch(() => undefined);
  const reaching = reach(agent);
  try {
    const { dirty, worker } = await marks;
    return { dirty, worker, ahead, contact: await reaching };
  } catch (error) {
    const contact = await reaching;
    if (!(contact instanceof PointsmanError)) contact.connection.close();
    throw error;
  }
}

async function reach(agent: ProxyAgent): Promise<Contact | PointsmanError> {
  let connection: RuntimeConnection | null = null;
  try {
    connection = await RuntimeConnection.open(agent.config.runtime);
    const provenAt = performance.now();
    const proxy = await observeProxy(connection);
    if (!proxy.stopping) return { connection, proxy, provenAt };
    throw new PointsmanError('HAPROXY_NOT_LIVING_WORKER', 'the worker that answers is stopping', {
      hint: 'it is looked at again',
      retry: 'transient',
    });
  } catch (error) {
    connection?.close();
    if (error instanceof PointsmanError) return error;
    throw error;
  }
}
