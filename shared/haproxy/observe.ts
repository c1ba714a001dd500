/**
 * What a HAProxy worker has and is, read from its runtime API. Each function is one round trip unless it says otherwise (and one more for a worker that
 * was not met before, which is asked what it can do); none changes anything. Throws
 * what the connection throws, and HAPROXY_STATE_UNREADABLE when a reply is not what HAProxy's management guide says.
 */
import { PointsmanError } from '../errors.ts';
import type { Capabilities } from '../model/capabilities.ts';
import type { ObservedBackend, WorkerIdentity } from '../model/observed.ts';
import { askedCapabilities } from './asked-capabilities.ts';
import type { RuntimeConnection } from './connection.ts';
import { isOthers } from './installation.ts';
import { parseMade, parseMadeOne } from './parse-made.ts';
import { parseBackends, parseEnvironment, parseInfo, parseLoaded, parseVariable } from './parse-process.ts';
import { parseServerConnections, parseStatisticSessions } from './parse-sessions.ts';
import { READ, withoutNotices } from './protocol.ts';
import { serversInParts } from './servers-in-parts.ts';

async function ask(connection: RuntimeConnection, lines: readonly string[]): Promise<string[]> {
  return (await connection.send(lines)).map(withoutNotices);
}

export interface Worker {
  readonly identity: WorkerIdentity;
  /** An old worker, left by a reload: what is told to it is lost. */
  readonly stopping: boolean;
  readonly version: string;
}

export async function identify(connection: RuntimeConnection): Promise<Worker> {
  const [info, stamp] = (await ask(connection, [READ.info, READ.stamp])) as [string, string];
  return worker(info, parseVariable(stamp));
}

function worker(info: string, stamp: string | null): Worker {
  const { pid, startTime, stopping, version } = parseInfo(info);
  return { identity: { pid, startTime, stamp }, stopping, version };
}

export interface ObservedProxy extends Worker {
  readonly capabilities: Capabilities;
  /** Every backend there is, ours or not. */
  readonly backends: ReadonlySet<string>;
  /** Of the backends that there are: the structure that each was loaded with, when the pointsman declared it whose stamp it is. */
  readonly structures: ReadonlyMap<string, string>;
}

export async function observeProxy(connection: RuntimeConnection): Promise<ObservedProxy> {
  return proxyOf(connection, (await ask(connection, OF_PROXY)) as unknown as OfProxy);
}

/** The worker, and one backend as observeBackend gives it; null too when its state cannot be read: that is its own trouble, and not the worker's. */
export async function observeProxyAndBackend(
  connection: RuntimeConnection,
  backend: string,
): Promise<{ proxy: ObservedProxy; backend: ObservedBackend | null }> {
  const replies = await ask(connection, [...OF_PROXY, ...ofBackend(backend)]);
  const proxy = await proxyOf(connection, replies.slice(0, OF_PROXY.length) as unknown as OfProxy);
  return { proxy, backend: await backendOf(backend, replies.slice(OF_PROXY.length) as unknown as OfBackend).catch(unreadable) };
}

function unreadable(error: unknown): null {
  if (error instanceof PointsmanError) return null;
  throw error;
}

const NOT_LOADED = { structure: null, form: null, owner: null };

const OF_PROXY = [READ.info, READ.environment, READ.backends, READ.made];
type OfProxy = readonly [info: string, environment: string, names: string, made: string];

async function proxyOf(connection: RuntimeConnection, [info, environment, names, made]: OfProxy): Promise<ObservedProxy> {
  const { stamp, structures: ofFiles } = parseEnvironment(environment);
  const loaded = new Map([...ofFiles, ...parseMade(made)]);
  const backends = new Set(parseBackends(names));
  const structures = new Map(
    [...loaded].flatMap(([backend, { structure, owner }]) =>
      backends.has(backend) && structure !== null && !isOthers(owner, stamp) ? [[backend, structure] as const] : [],
    ),
  );
  const answered = worker(info, stamp);
  return { ...answered, capabilities: await askedCapabilities(connection, answered), backends, structures };
}

/** null: no such backend. */
export async function observeBackend(connection: RuntimeConnection, backend: string): Promise<ObservedBackend | null> {
  return backendOf(backend, (await ask(connection, ofBackend(backend))) as unknown as OfBackend);
}

type OfBackend = readonly [state: string, variable: string, made: string];

function ofBackend(backend: string): string[] {
  return [READ.serversOf(backend), READ.structureOf(backend), READ.madeOf(backend)];
}

/** What was made later counts, not what a variable says that outlived its file. */
async function backendOf(backend: string, [state, variable, made]: OfBackend): Promise<ObservedBackend | null> {
  const backends = await serversInParts(state);
  if (backends === null) return null;
  const value = parseVariable(variable);
  const atRuntime = parseMadeOne(made);
  const loaded = atRuntime ?? (value === null ? NOT_LOADED : parseLoaded(value));
  return { name: backend, ...loaded, servers: backends.get(backend) ?? new Map(), ...(atRuntime === null ? {} : { made: true }) };
}

/** The worker, and those of these backends that it has. */
export async function observeSome(
  connection: RuntimeConnection,
  backends: readonly string[],
): Promise<{ worker: Worker; backends: ReadonlyMap<string, ObservedBackend> }> {
  const lines = [READ.info, READ.stamp, ...backends.flatMap(ofBackend)];
  const [info = '', stamp = '', ...replies] = await ask(connection, lines);
  const observed = new Map<string, ObservedBackend>();
  for (const [index, backend] of backends.entries()) {
    const found = await backendOf(backend, replies.slice(index * 3, index * 3 + 3) as unknown as OfBackend);
    if (found !== null) observed.set(backend, found);
  }
  return { worker: worker(info, parseVariable(stamp)), backends: observed };
}

/** The worker, and every backend that it has. */
export async function observeAll(
  connection: RuntimeConnection,
): Promise<{ worker: ObservedProxy; backends: ReadonlyMap<string, ObservedBackend> }> {
  const [state = '', ...ofProxy] = await ask(connection, [READ.servers, ...OF_PROXY]);
  const told = ofProxy as unknown as OfProxy;
  return { worker: await proxyOf(connection, told), backends: await backendsOf(state, told) };
}

/** Every backend in one reply: for a full pass. */
export async function observeBackends(connection: RuntimeConnection): Promise<ReadonlyMap<string, ObservedBackend>> {
  const [state = '', ...told] = await ask(connection, [READ.servers, ...OF_PROXY]);
  return backendsOf(state, told as unknown as OfProxy);
}

async function backendsOf(state: string, [, environment, names, made]: OfProxy): Promise<Map<string, ObservedBackend>> {
  const servers = (await serversInParts(state)) ?? new Map();
  const structures = new Map([...parseEnvironment(environment).structures, ...parseMade(made)]);
  const observed = new Map<string, ObservedBackend>();
  for (const name of parseBackends(names)) {
    observed.set(name, { name, ...(structures.get(name) ?? NOT_LOADED), servers: servers.get(name) ?? new Map() });
  }
  return observed;
}

/**
 * Sessions by server name, of every server of the backend: running, queued, or on a used connection. Idle pooled connections do not count,
 * though a delete waits for them too. null: no such backend. Two round trips.
 */
export async function observeSessions(connection: RuntimeConnection, backend: string): Promise<ReadonlyMap<string, number> | null> {
  const [state] = (await ask(connection, [READ.connectionsOf(backend)])) as [string];
  const connections = parseServerConnections(state);
  if (connections === null || connections.number === null) return connections === null ? null : new Map();
  const [statistics] = (await ask(connection, [READ.statisticsOf(connections.number)])) as [string];
  const counts = new Map<string, number>();
  for (const [server, count] of parseStatisticSessions(statistics)) counts.set(server, Math.max(count, connections.used.get(server) ?? 0));
  return counts;
}

/** What only the statistics tell of a backend's servers, by name. null: no such backend. Two round trips. */
export async function observeStatistics<T>(
  connection: RuntimeConnection,
  backend: string,
  parse: (text: string) => ReadonlyMap<string, T>,
): Promise<ReadonlyMap<string, T> | null> {
  const [state] = (await ask(connection, [READ.connectionsOf(backend)])) as [string];
  const number = parseServerConnections(state)?.number ?? null;
  if (number === null) return null;
  const [statistics] = (await ask(connection, [READ.statisticsOf(number)])) as [string];
  return parse(statistics);
}

/** The living worker, and when `expected` is given that very one. Throws HAPROXY_NOT_LIVING_WORKER. */
export async function assertLiving(connection: RuntimeConnection, expected?: WorkerIdentity): Promise<Worker> {
  const found = await identify(connection);
  if (found.stopping) throw notLiving(connection, `worker ${found.identity.pid} is stopping`);
  if (expected !== undefined && !sameWorker(found.identity, expected)) {
    throw notLiving(connection, `worker ${text(found.identity)} answers, not ${text(expected)}`);
  }
  return found;
}

export function sameWorker(a: WorkerIdentity, b: WorkerIdentity): boolean {
  return a.pid === b.pid && a.startTime === b.startTime && a.stamp === b.stamp;
}

function text(identity: WorkerIdentity): string {
  return `${identity.pid} (started ${identity.startTime}, stamp ${identity.stamp ?? 'none'})`;
}

function notLiving(connection: RuntimeConnection, what: string): PointsmanError {
  return new PointsmanError('HAPROXY_NOT_LIVING_WORKER', `HAProxy at ${connection.address}: ${what}`, {
    hint: 'HAProxy was reloaded or restarted meanwhile; the next pass looks at it afresh',
    retry: 'transient',
  });
}
