/** What of a backend is as somebody set it by hand, at a look: respected or put back, as the config says. */
import type { RuntimeConnection } from '../../shared/haproxy/connection.ts';
import { readManagedFile } from '../../shared/haproxy/managed-folder.ts';
import { observeStatistics } from '../../shared/haproxy/observe.ts';
import { parseStatisticOptions } from '../../shared/haproxy/parse-sessions.ts';
import { type LedgerState, readLedger } from '../../shared/haproxy/render-ledger.ts';
import { serviceFileName } from '../../shared/haproxy/render-service.ts';
import { type Looked, OVERRIDES_MAX, type Override, workerWord } from '../../shared/model/by-hand.ts';
import type { DesiredBackend } from '../../shared/model/desired.ts';
import type { ServiceName } from '../../shared/model/ids.ts';
import type { ObservedBackend, WorkerIdentity } from '../../shared/model/observed.ts';
import { mayStandBy } from '../../shared/model/prefer.ts';
import { hasLimits } from '../../shared/model/server-options.ts';
import type { BackendPlan, PlannedCommand } from '../../shared/plan/backend-plan.ts';
import { foreignCommands, withoutForeign } from '../../shared/plan/foreign-servers.ts';
import { isFull, isRecorded, openServers, overridesOf, recorded, repairing, withOverrides } from '../../shared/plan/overrides.ts';
import { runOf } from '../../shared/redis/connection.ts';
import type { ProxyAgent } from './proxy-agent.ts';

export interface Recognised {
  /** What to bring about, and what there is of ours. */
  readonly desired: DesiredBackend;
  readonly observed: ObservedBackend;
  readonly maxConns: ReadonlyMap<string, number> | undefined;
  /** Whether respected or not. */
  readonly overrides: readonly Override[];
  /** What is to be set again of what somebody added. */
  readonly restoring: readonly PlannedCommand[];
}

/** `desired`: with the config that the backend runs with. `looked`: the record of the last look. */
export async function recognise(
  agent: ProxyAgent,
  worker: WorkerIdentity,
  { desired, observed, looked, maxConns }: Pick<Recognised, 'desired' | 'observed' | 'maxConns'> & { readonly looked: Looked | null },
): Promise<Recognised> {
  const record = { looked, worker: workerWord(worker), redis: runOf(agent.ports.redis) };
  const overrides = overridesOf({
    ...record,
    desired,
    observed,
    ...(maxConns === undefined ? {} : { maxConns }),
    filed: await filedServers(agent, desired, observed, record),
    // Last: from here on nothing is waited for.
    isNews: looked === null ? () => true : await agent.ports.desired.newsSince(desired.service, looked.revision),
    now: Date.now(),
  });
  if (agent.config.override === 'repair') return { desired, observed, maxConns, overrides, restoring: [] };
  warnOfMany(agent, desired.service, overrides.length);
  const restoring = foreignCommands(desired, observed, overrides);
  return { desired: withOverrides(desired, overrides), observed: withoutForeign(observed, overrides), maxConns, overrides, restoring };
}

/** What is planned, and what the next look is to know of this one. */
export function settled(
  agent: ProxyAgent,
  worker: WorkerIdentity,
  planned: BackendPlan,
  { desired, observed, maxConns, overrides, restoring }: Recognised,
): { plan: BackendPlan; looked: Looked | null } {
  if (planned.blocked !== null) return { plan: planned, looked: null };
  const plan = restoring.length === 0 ? planned : { ...planned, commands: [...restoring, ...planned.commands] };
  const respects = agent.config.override === 'respect';
  const looked = {
    worker: workerWord(worker),
    redis: runOf(agent.ports.redis),
    revision: desired.revision,
    maxConn: desired.config.server.maxConn,
    ...(desired.config.server.maxConn === null && [...(maxConns?.values() ?? [])].some((limit) => limit > 0)
      ? { limited: true as const }
      : {}),
    open: openServers(desired, observed, plan, maxConns),
    overrides: respects ? recorded(overrides) : [],
  };
  return { plan: respects ? plan : repairing(plan, overrides), looked };
}

export interface Statistics {
  readonly maxConns?: ReadonlyMap<string, number>;
  readonly backups?: ReadonlyMap<string, boolean>;
}

/** What HAProxy lets in at once, and which servers stand by: asked only where that is ours to say, or was so at the last look, and in one go. */
export async function statistics(
  connection: RuntimeConnection,
  { service, config }: DesiredBackend,
  observed: ObservedBackend,
  looked: Looked | null,
): Promise<Statistics> {
  const limits = hasLimits(config.server) || looked?.limited === true;
  const standBy = mayStandBy(config);
  if ((!limits && !standBy) || observed.servers.size === 0) return {};
  const found = await observeStatistics(connection, service, parseStatisticOptions);
  if (found === null) return {};
  return {
    ...(limits ? { maxConns: new Map([...found].map(([server, { maxConn }]) => [server, maxConn])) } : {}),
    ...(standBy ? { backups: new Map([...found].map(([server, { backup }]) => [server, backup])) } : {}),
  };
}

const NONE: ReadonlySet<string> = new Set();

/** What is kept of the backend is not the last word, or not all: the managed file is read, if there is a server out that should not be. */
async function filedServers(
  { config }: ProxyAgent,
  desired: DesiredBackend,
  observed: ObservedBackend,
  record: Parameters<typeof isRecorded>[0],
): Promise<ReadonlySet<string>> {
  const { looked, worker } = record;
  const isOver = looked !== null && looked.worker !== worker;
  const trusted = isOver || isRecorded(record);
  if ((trusted && !isFull(looked)) || config.managed === null) return NONE;
  const out = [...observed.servers.values()].some(
    ({ name, admin }) => admin !== 'ready' && (desired.servers.get(name)?.admin ?? 'ready') === 'ready',
  );
  if (!out) return NONE;
  const text = await readManagedFile(config.managed, serviceFileName(desired.service));
  // One that it has as ready may be in drain by our own doing, which the record knows.
  const states: readonly LedgerState[] = trusted ? ['by-hand'] : ['ready', 'by-hand'];
  return new Set(readLedger(text ?? '').flatMap(({ name, state }) => (states.includes(state) ? [name] : [])));
}

/** By proxy: services of which it was said. */
const warned = new WeakMap<ProxyAgent, Set<ServiceName>>();

/** Once, until there are fewer. */
function warnOfMany(agent: ProxyAgent, service: ServiceName, count: number): void {
  const known = warned.get(agent) ?? new Set<ServiceName>();
  warned.set(agent, known);
  if (count <= OVERRIDES_MAX) known.delete(service);
  else if (!known.has(service)) {
    known.add(service);
    agent.ports.logger.warn(
      { proxy: agent.config.id, service, overrides: count, kept: OVERRIDES_MAX },
      'more servers were changed by hand than are kept and shown: all are left alone, but of those beyond only drain and maint outlives a reload, as maint',
    );
  }
}
