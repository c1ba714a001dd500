/**
 * Backends that come and go at runtime, where HAProxy can (3.4): a service that the shared frontend alone reaches, and that is configured like one before,
 * needs no reload. What HAProxy refuses is left to the reload. What was begun and not finished is known by the worker's own map (made-backends.ts): a
 * backend that is there is published again by each process that meets it, for HAProxy does not say whether it is.
 */
import { addBackend, deleteBackend, publishBackend, type SectionResult } from '../../shared/haproxy/made-backends.ts';
import { removeManaged } from '../../shared/haproxy/managed-folder.ts';
import { assertLiving, type ObservedProxy, sameWorker } from '../../shared/haproxy/observe.ts';
import { formOf, serviceFileName, structureOf } from '../../shared/haproxy/render-service.ts';
import { shapeOf } from '../../shared/haproxy/render-shapes.ts';
import type { DesiredBackend } from '../../shared/model/desired.ts';
import type { EventId, ServiceName } from '../../shared/model/ids.ts';
import type { ObservedBackend } from '../../shared/model/observed.ts';
import type { ServiceConfig } from '../../shared/model/service-config.ts';
import type { ProxyAgent } from './proxy-agent.ts';
import type { PassContext } from './service-pass.ts';

export interface Of {
  readonly service: ServiceName;
  readonly revision: number;
  readonly cursor: EventId | null;
}

type Reached = Pick<PassContext, 'agent' | 'proxy'>;

/** What the service's backend can be made from on this worker; null: it takes a reload. */
export function shapeFor({ agent, proxy }: Reached, config: ServiceConfig): string | null {
  if (agent.config.http === undefined || !proxy.capabilities.dynamicBackends) return null;
  return shapeOf(config, agent.config.defaults);
}

/** As it is once it is made: without a server. */
export function asMade({ config: { defaults } }: ProxyAgent, { service, config }: DesiredBackend): ObservedBackend {
  return { name: service, structure: structureOf(config, defaults), form: formOf(config), made: true, servers: new Map() };
}

/** Whether it was made. */
export async function makeBackend(context: PassContext, of: Of, { config }: DesiredBackend): Promise<boolean> {
  const { agent, connection, proxy } = context;
  const shape = shapeFor(context, config);
  if (shape === null || context.signal.aborted || !context.stillClaimed()) return false;
  const loaded = `${structureOf(config, agent.config.defaults)}.${formOf(config)}`;
  const results = await addBackend(connection, { backend: of.service, shape, loaded });
  await assertLiving(connection, proxy.identity);
  const made = results.every(({ outcome }) => outcome === 'done');
  if (made) publishedOn(agent, proxy).add(of.service);
  else agent.ports.logger.info({ proxy: agent.config.id, service: of.service, results }, 'the backend takes a reload');
  if (made) await write(context, of, results, 'it is not there');
  return made;
}

/** One that was made at runtime may be half made: by a process that ended before it had published it. */
export async function publishMade({ agent, connection, proxy }: PassContext, { name, made }: ObservedBackend): Promise<void> {
  const published = publishedOn(agent, proxy);
  if (made !== true || published.has(name)) return;
  const { command, outcome, reply } = await publishBackend(connection, name);
  if (outcome === 'done') published.add(name);
  else agent.ports.logger.warn({ proxy: agent.config.id, command, reply }, 'haproxy refused a command');
}

/** A service that is no longer configured, as one all of whose servers go: then its backend can go at runtime. null: it takes a reload. */
export async function goingBackend({ agent, proxy }: Reached, of: Of, observed: ObservedBackend | null): Promise<DesiredBackend | null> {
  if (observed === null || observed.structure === null) return null;
  const config = await agent.ports.proxies.loaded(agent.config.id, of.service);
  if (config === null || shapeFor({ agent, proxy }, config) === null) return null;
  if (structureOf(config, agent.config.defaults) !== observed.structure) return null;
  const gone = new Set(observed.servers.keys());
  return {
    service: of.service,
    revision: of.revision,
    cursor: of.cursor ?? '0-0',
    config,
    complete: true,
    gone,
    released: null,
    servers: new Map(),
  };
}

/** A backend that has no server left. Whether it is gone. */
export async function takeAway(context: PassContext, of: Of): Promise<boolean> {
  const { agent, connection, proxy } = context;
  if (context.signal.aborted || !context.stillClaimed()) return false;
  const results = await deleteBackend(connection, of.service);
  await assertLiving(connection, proxy.identity);
  await write(context, of, results, 'the service is no longer configured');
  if (results.some(({ outcome }) => outcome === 'refused')) return false;
  publishedOn(agent, proxy).delete(of.service);
  if (agent.config.managed !== null) await removeManaged(agent.config.managed, serviceFileName(of.service));
  return true;
}

async function write({ journal }: PassContext, of: Of, results: readonly SectionResult[], reason: string): Promise<void> {
  const commands = results.map((result) => ({ ...result, reason, ms: 0 }));
  await journal.write(
    [
      { type: 'patching', ...of, commands },
      { type: 'commands', service: of.service, results: commands },
    ],
    Date.now(),
  );
}

/** Those that this process knows to be published by this worker. */
function publishedOn(agent: ProxyAgent, { identity }: ObservedProxy): Set<ServiceName> {
  if (agent.published === null || !sameWorker(agent.published.worker, identity))
    agent.published = { worker: identity, services: new Set() };
  return agent.published.services;
}
