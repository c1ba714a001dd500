/**
 * The managed files follow the runtime (I5): after a look at a service its file is written, at most once a second; until it is, the
 * service stays dirty, so that a crash in between is noticed by whoever comes next.
 */
import { AssertionFailure } from '../../shared/errors.ts';
import { isThere, readManaged, syncManaged, writeManaged } from '../../shared/haproxy/managed-folder.ts';
import { ROUTES_FILE } from '../../shared/haproxy/render-http.ts';
import { GLOBAL_FILE, serviceOfFile, sharedFiles } from '../../shared/haproxy/render-managed.ts';
import { renderRoutes, routesOf } from '../../shared/haproxy/render-routes.ts';
import { type RenderedServer, renderService, serviceFileName, structureOf } from '../../shared/haproxy/render-service.ts';
import { addressWord, serverNameWord } from '../../shared/haproxy/render-words.ts';
import { serverWords } from '../../shared/haproxy/server-words.ts';
import { type DesiredBackend, type DesiredServer, ownOptions } from '../../shared/model/desired.ts';
import type { ServiceName } from '../../shared/model/ids.ts';
import type { ObservedBackend, ObservedServer } from '../../shared/model/observed.ts';
import type { Routes } from '../../shared/model/route.ts';
import type { ServiceConfig } from '../../shared/model/service-config.ts';
import { serves } from '../../shared/plan/fit.ts';
import { isStranger } from '../../shared/plan/strangers.ts';
import { withWeightsHere } from '../../shared/plan/weights-here.ts';
import type { ProxyAgent } from './proxy-agent.ts';

const WRITE_EVERY_MS = 1_000;
const NO_ROUTES: Routes = new Map();

/** A server is rendered so that it takes requests from the start only if HAProxy sees it up now (or does not check). */
export function renderedServers(desired: DesiredBackend, observed: ObservedBackend | null): RenderedServer[] {
  const known = knownServers(desired, ({ name }) => {
    const seen = observed?.servers.get(name);
    return seen !== undefined && serves(seen);
  });
  const ids = new Set(known.map(({ id }) => id));
  return [...known, ...strangers(desired, observed).filter(({ id }) => !ids.has(id))];
}

/** With the weights that they have here when those that are `up` (or any, without a check) take requests: then these do from the start. */
export function knownServers(desired: DesiredBackend, up: (server: DesiredServer) => boolean): RenderedServer[] {
  const healthy = (server: DesiredServer): boolean => desired.config.check.type === 'none' || up(server);
  return [...withWeightsHere(desired, healthy).servers.values()].map((server) => renderedServer(server, healthy(server)));
}

/** `healthy`: it may take requests before anybody has checked it. */
function renderedServer(desired: DesiredServer, healthy: boolean): RenderedServer {
  const { name, id, instance, address, port, weight, admin, byHand } = desired;
  const own = { name, id, instance, address, port, weight, ...ownOptions(desired) };
  const server = { ...own, up: healthy && admin === 'ready' };
  // What somebody took out by hand is there after a restart, for him to bring in again.
  return byHand?.admin === undefined ? { ...server, draining: admin !== 'ready' } : { ...server, byHand: true };
}

/**
 * Servers that somebody added, and those that nobody has heard of and that the plan leaves in rotation (plan-backend.ts): a reload or a restart must leave
 * them there too. One that he has in drain is out until the drain is set again, for a file cannot say it.
 */
function strangers(desired: DesiredBackend, observed: ObservedBackend | null): RenderedServer[] {
  const isForeign = ({ name }: ObservedServer): boolean => desired.foreign?.has(name) === true;
  const seen = [...(observed?.servers.values() ?? [])].filter(
    (server) => (isForeign(server) || (server.admin === 'ready' && isStranger(desired, server.name))) && isRenderable(server),
  );
  return seen.map(({ name, id, address, port, weight, admin, operation }) => {
    const server = { name, id, instance: name, address, port, weight, up: admin === 'ready' && operation !== 'stopped' };
    return admin === 'ready' ? server : { ...server, byHand: true };
  });
}

/** Of a server made by hand: its name, address and numbers may be such as no file of ours can say. */
function isRenderable({ name, id, address, port, weight }: ObservedServer): boolean {
  try {
    serverNameWord(name);
    addressWord(address, port);
    serverWords({ check: { type: 'none' }, server: { maxConn: null } }, { id, weight });
    return true;
  } catch (error) {
    if (error instanceof AssertionFailure) return false;
    throw error;
  }
}

/** The file of a service: its servers as desired, in sections of `config` (what is wanted, or what runs until that can be loaded). */
export function renderDesired(agent: ProxyAgent, desired: DesiredBackend, config: ServiceConfig, observed: ObservedBackend | null): string {
  const structure = structureOf(config, agent.config.defaults);
  return renderService({ config, structure, prefix: agent.ports.keys.prefix, servers: renderedServers(desired, observed) });
}

/** What cannot be rendered is one service's affair. */
export function rendered<T>(render: () => T): T | AssertionFailure {
  try {
    return render();
  } catch (error) {
    if (error instanceof AssertionFailure) return error;
    throw error;
  }
}

/**
 * Writes the service's file if its turn has come. Answers the ms to wait, 0 when it is written. Its sections are those that run; another
 * structure is the reload's to write, which validates first.
 */
export async function writeServiceFile(agent: ProxyAgent, service: ServiceName): Promise<number> {
  const folder = agent.config.managed;
  const seen = agent.seen.get(service);
  if (folder === null || seen === undefined || seen.running === null) return 0;
  const rest = (agent.written.get(service) ?? Number.NEGATIVE_INFINITY) + WRITE_EVERY_MS - performance.now();
  if (rest > 0) return Math.ceil(rest);
  const written = await writeManaged(folder, serviceFileName(service), renderDesired(agent, seen.desired, seen.running, seen.observed));
  if (written) agent.written.set(service, performance.now());
  return 0;
}

/** By proxy and service: the structure whose config this process has stored as loaded. */
const noted = new WeakMap<ProxyAgent, Map<ServiceName, string>>();

/**
 * Keeps the config that a backend runs with, when that is the desired one: a later change of options is rendered and patched with it until it is
 * loaded. Once per structure and process. `structure`: the running backend's.
 */
export async function noteLoaded(agent: ProxyAgent, desired: DesiredBackend, structure: string | null): Promise<void> {
  const known = noted.get(agent) ?? new Map<ServiceName, string>();
  if (agent.config.runtimeOnly || structure === null || known.get(desired.service) === structure) return;
  if (structureOf(desired.config, agent.config.defaults) !== structure) return;
  await agent.ports.proxies.setLoaded(agent.config.id, [desired.config]);
  noted.set(agent, known.set(desired.service, structure));
}

/** Before first contact: our files, if there are none. Servers that nobody has checked yet start out of rotation. */
export async function writeMissingFiles(agent: ProxyAgent): Promise<void> {
  const folder = agent.config.managed;
  if (folder === null) return;
  await writeMissingRoutes(agent, folder);
  const { ours } = await readManaged(folder);
  if (ours.has(GLOBAL_FILE)) return;
  const files = new Map<string, string>();
  const configs: ServiceConfig[] = [];
  for (const service of await agent.carried()) {
    const { backend } = await agent.ports.desired.read(service);
    if (backend !== null) configs.push(backend.config);
    const text = backend === null ? null : rendered(() => renderDesired(agent, backend, backend.config, null));
    if (typeof text === 'string') files.set(serviceFileName(service), text);
  }
  for (const [name, text] of sharedFiles(agent.ports.keys.prefix, agent.config, configs)) files.set(name, text);
  for (const [name, text] of ours) if (serviceOfFile(name) !== null && !files.has(name)) files.set(name, text);
  await syncManaged(folder, files);
}

/** HAProxy does not start without the map that its frontend names. */
async function writeMissingRoutes(agent: ProxyAgent, folder: string): Promise<void> {
  if (agent.config.http === undefined || (await isThere(folder, ROUTES_FILE))) return;
  const configs: ServiceConfig[] = [];
  for (const service of await agent.carried()) {
    const { backend } = await agent.ports.desired.read(service);
    if (backend !== null) configs.push(backend.config);
  }
  await writeRoutes(agent, configs);
}

/** The routes that these services should have, before a reload that loads them. `kept`: those of others, as far as none of these claims them. */
export async function writeRoutes({ config }: ProxyAgent, services: Iterable<ServiceConfig>, kept: Routes = NO_ROUTES): Promise<void> {
  if (config.http !== undefined && config.managed !== null)
    await writeManaged(config.managed, ROUTES_FILE, renderRoutes(new Map([...kept, ...routesOf(services)])));
}
