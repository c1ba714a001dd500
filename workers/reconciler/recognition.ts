/** What of a backend is as somebody set it by hand, at a look: respected or put back, as the config says. */
import type { RuntimeConnection } from '../../shared/haproxy/connection.ts';
import { readManagedFile } from '../../shared/haproxy/managed-folder.ts';
import { observeMaxConns } from '../../shared/haproxy/observe.ts';
import { readLedger } from '../../shared/haproxy/render-ledger.ts';
import { serviceFileName } from '../../shared/haproxy/render-service.ts';
import { type Looked, type Override, workerWord } from '../../shared/model/by-hand.ts';
import type { DesiredBackend } from '../../shared/model/desired.ts';
import type { ServiceName } from '../../shared/model/ids.ts';
import type { ObservedBackend, WorkerIdentity } from '../../shared/model/observed.ts';
import type { BackendPlan } from '../../shared/plan/backend-plan.ts';
import { isRecorded, openServers, overridesOf, repairing, withOverrides, withoutForeign } from '../../shared/plan/overrides.ts';
import { runOf } from '../../shared/redis/connection.ts';
import type { ProxyAgent } from './proxy-agent.ts';

export interface Recognised {
  /** What to bring about, and what there is of ours. */
  readonly desired: DesiredBackend;
  readonly observed: ObservedBackend;
  readonly maxConns: ReadonlyMap<string, number> | undefined;
  /** Whether respected or not. */
  readonly overrides: readonly Override[];
}

/** `desired`: with the config that the backend runs with. `looked`: the record of the last look. */
export async function recognise(
  agent: ProxyAgent,
  worker: WorkerIdentity,
  { desired, observed, looked, maxConns }: Pick<Recognised, 'desired' | 'observed' | 'maxConns'> & { readonly looked: Looked | null },
): Promise<Recognised> {
  const record = { looked, worker: workerWord(worker), redis: runOf(agent.ports.redis) };
  const isOver = looked !== null && looked.worker !== record.worker;
  const overrides = overridesOf({
    ...record,
    desired,
    observed,
    ...(maxConns === undefined ? {} : { maxConns }),
    filed: isOver || isRecorded(record) ? NONE : await filedServers(agent, desired, observed),
    // Last: from here on nothing is waited for.
    isNews: looked === null ? () => true : await agent.ports.desired.newsSince(desired.service, looked.revision),
    now: Date.now(),
  });
  if (agent.config.override === 'repair') return { desired, observed, maxConns, overrides };
  return { desired: withOverrides(desired, overrides), observed: withoutForeign(observed, overrides), maxConns, overrides };
}

/** What is planned, and what the next look is to know of this one. */
export function settled(
  agent: ProxyAgent,
  worker: WorkerIdentity,
  plan: BackendPlan,
  { desired, observed, maxConns, overrides }: Recognised,
): { plan: BackendPlan; looked: Looked | null } {
  if (plan.blocked !== null) return { plan, looked: null };
  const respects = agent.config.override === 'respect';
  const looked = {
    worker: workerWord(worker),
    redis: runOf(agent.ports.redis),
    revision: desired.revision,
    maxConn: desired.config.server.maxConn,
    open: openServers(desired, observed, plan, maxConns),
    overrides: respects ? overrides : [],
  };
  return { plan: respects ? plan : repairing(plan, overrides), looked };
}

/** What HAProxy lets in at once is asked only where that can be changed. */
export async function limits(
  connection: RuntimeConnection,
  service: ServiceName,
  desired: DesiredBackend,
  observed: ObservedBackend,
): Promise<ReadonlyMap<string, number> | undefined> {
  if (desired.config.server.maxConn === null || observed.servers.size === 0) return undefined;
  return (await observeMaxConns(connection, service)) ?? undefined;
}

const NONE: ReadonlySet<string> = new Set();

/** What is kept of the backend is not the last word: the managed file is read, if there is a server out that should not be. */
async function filedServers({ config }: ProxyAgent, desired: DesiredBackend, observed: ObservedBackend): Promise<ReadonlySet<string>> {
  const out = [...observed.servers.values()].some(
    ({ name, admin }) => admin !== 'ready' && (desired.servers.get(name)?.admin ?? 'ready') === 'ready',
  );
  if (!out || config.managed === null) return NONE;
  const text = await readManagedFile(config.managed, serviceFileName(desired.service));
  return new Set(readLedger(text ?? '').flatMap(({ name, state }) => (state === 'ready' || state === 'by-hand' ? [name] : [])));
}
