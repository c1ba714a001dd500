/** What the fold of some events works on: of all that is stored of a service, what these events need. */
import { type AddressClaim, claimKeys } from '../../machines/claims.ts';
import type { FoldState } from '../../machines/fold-state.ts';
import type { InstanceSnapshot } from '../../machines/instance.ts';
import { completed } from '../../machines/migrate.ts';
import { needs } from '../../machines/needs.ts';
import type { ServiceSnapshot } from '../../machines/service.ts';
import type { ServiceEvent } from '../../shared/model/event.ts';
import type { InstanceId, ServiceName } from '../../shared/model/ids.ts';
import { type Fetched, type Named, NONE, type ServiceStore } from '../../shared/redis/service-store.ts';
import type { Stored } from './stored.ts';

/** Events for which what their fold needs is asked for together with them. */
const HINT_MAX = 100;

export interface Loaded {
  readonly state: FoldState;
  readonly instances: ReadonlyMap<InstanceId, InstanceSnapshot>;
  readonly addresses: ReadonlyMap<string, string>;
  /** Whether every instance is there. */
  readonly all: boolean;
}

/** What the fold of these events will need, to be asked for with them. Of too many, nothing: it is read when they are there. */
export function namedBy(hint: readonly ServiceEvent[]): Named {
  if (hint.length > HINT_MAX) return NONE;
  const wanted = hint.map(needs);
  if (wanted.some((need) => need.all)) return NONE;
  return {
    instances: new Set(wanted.flatMap((need) => need.instances)),
    addresses: new Set(wanted.flatMap((need) => need.addresses)),
  };
}

/** Loads what the events need: the instances they name (or all), the addresses these have or want, and who else wants those. */
export async function load(
  store: ServiceStore,
  service: ServiceName,
  fetched: Fetched & { readonly stored: Stored },
  named: Named | 'all',
): Promise<Loaded> {
  const { events, stored } = fetched;
  const { service: before, isOld } = stored;
  const wanted = events.map(({ event }) => needs(event));
  const all = named === 'all' || isOld || wanted.some((need) => need.all);
  const got = named === 'all' ? NONE : named;
  const ids = new Set(wanted.flatMap((need) => need.instances));
  const own = new Set(ids);
  if (wanted.some(({ losses }) => losses === 'all' || (losses === 'while-open' && mayHold(before))))
    for (const { instance } of before.guard.context.losses) ids.add(instance);
  if (before.last !== null) ids.add(before.last.instance);
  for (const instance of before.stay ?? []) ids.add(instance);
  // When nobody is up any more, those in quarantine are let out.
  if (before.up <= ids.size) for (const instance of before.quarantined) ids.add(instance);
  const keys = new Set(wanted.flatMap((need) => need.addresses));
  const [texts, addresses] = await Promise.all([
    store.instances(service, all ? 'all' : [...ids.difference(got.instances)]),
    store.addresses(service, [...keys.difference(got.addresses)]),
  ]);
  if (!all) for (const [id, json] of fetched.instances) texts.set(id, json);
  for (const [key, json] of fetched.addresses) addresses.set(key, json);
  const instances = stored.instances(texts);
  const claiming = [...instances.values()].filter(({ context }) => all || own.has(context.id));
  const further = claiming.flatMap(claimKeys).filter((key) => !keys.has(key));
  for (const [key, json] of await store.addresses(service, [...new Set(further)])) addresses.set(key, json);
  const claims = stored.claims(addresses);
  // Who takes an address that becomes free may free another, for which others wait.
  // Whoever is loaded for another reason may wait too, and its claims are not there.
  const known = new Set(claiming.map(({ context }) => context.id));
  for (let others = rivals(claims, known); others.length > 0; others = rivals(claims, known)) {
    for (const id of others) known.add(id);
    const found = stored.instances(await store.instances(service, others));
    for (const [id, snapshot] of found) instances.set(id, snapshot);
    const keys = [...found.values()].flatMap(claimKeys).filter((key) => !claims.has(key));
    const more = await store.addresses(service, [...new Set(keys)]);
    for (const [key, json] of more) addresses.set(key, json);
    for (const [key, claim] of stored.claims(more)) claims.set(key, claim);
  }
  return {
    state: {
      service: isOld ? completed(before, instances.values()) : before,
      instances: new Map(instances),
      addresses: new Map(claims),
      touched: new Map(),
    },
    instances,
    addresses,
    all,
  };
}

function rivals(claims: ReadonlyMap<string, AddressClaim>, known: ReadonlySet<InstanceId>): InstanceId[] {
  const named = [...claims.values()].flatMap((claim) => [claim.owner, ...claim.waiting]);
  return [...new Set(named)].filter((id) => !known.has(id));
}

function mayHold({ config, guard }: ServiceSnapshot): boolean {
  return guard.state === 'open' && config !== null && config.guard.maxLoss < 1;
}
