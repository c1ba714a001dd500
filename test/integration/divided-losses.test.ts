/** Losses of one difference are judged together, on a real Redis, also when they are appended in several calls or folded in several steps. */
import { describe, expect, it } from 'vitest';
import type { ServiceEvent } from '../../shared/model/event.ts';
import type { ViewEntry } from '../../shared/znode/view.ts';
import type { Ports } from '../../workers/app.ts';
import { type Folded, foldService } from '../../workers/transition/fold-service.ts';
import { redisPorts } from '../support/redis-ports.ts';
import { registration, serviceConfig } from '../support/service-events.ts';

let ports: Ports;

redisPorts((is) => {
  ports = is.ports;
});

const zero = { version: 0, czxid: '1', mzxid: '1' };
const nameOf = (port: number): string => `10.0.0.1:${port}`;
const fold = (): Promise<Folded> => foldService(ports, 'web', Date.now());

async function append(events: readonly ServiceEvent[], remove: readonly string[] = [], set = new Map<string, ViewEntry>()): Promise<void> {
  const { revision } = await ports.log.readView('web');
  await ports.log.append('web', { epoch: 1, viewRevision: revision, set, remove, events });
}

/** So many events that change nothing stand before what follows. */
async function backlog(count: number): Promise<void> {
  const events = Array.from({ length: count }, () => ({ type: 'uncordoned', instance: nameOf(1) }) as const);
  await ports.log.appendPlain('web', events);
}

/** So many instances, folded; the guard lets half of them go. */
async function registered(count: number): Promise<string[]> {
  const names = Array.from({ length: count }, (_, at) => nameOf(at + 1));
  const events = names.map((name, at): ServiceEvent => {
    return { type: 'registered', instance: name, znode: { name, ...zero }, said: { registration: registration(at + 1) } };
  });
  await append([{ type: 'configured', config: serviceConfig({ check: { type: 'none' } }) }, ...events]);
  while ((await fold()).more);
  return names;
}

function lost(names: readonly string[]): ServiceEvent[] {
  return names.map((name) => ({ type: 'deregistered', instance: name, znode: { name, ...zero } }));
}

/** The znodes name other instances from now on, of ports above 10,000. */
async function rename(names: readonly string[]): Promise<void> {
  const set = new Map<string, ViewEntry>();
  const events = names.flatMap((name, at): ServiceEvent[] => {
    const instance = nameOf(10_001 + at);
    const znode = { name, version: 1, czxid: '1', mzxid: '2' };
    set.set(name, { ...znode, instance });
    const said = { registration: registration(10_001 + at) };
    return [{ type: 'registered', instance, znode, said }, ...lost([name])];
  });
  await append(events, [], set);
}

/** What proxies should make of them, after each fold until there is nothing left. */
async function admins(): Promise<string[]> {
  const seen: string[] = [];
  for (let more = true; more; ) {
    ({ more } = await fold());
    const { backend } = await ports.desired.read('web');
    const counts = new Map<string, number>();
    for (const { admin } of backend?.servers.values() ?? []) counts.set(admin, (counts.get(admin) ?? 0) + 1);
    seen.push(
      [...counts]
        .sort()
        .map(([admin, count]) => `${count} ${admin}`)
        .join(', '),
    );
  }
  return seen;
}

describe('a difference with too many losses', () => {
  it('that a full fold would divide: none of them drains at any step', async () => {
    const names = await registered(200);
    await backlog(900);
    await append(lost(names), names);
    expect(await admins()).toEqual(['200 ready', '200 ready']);
    expect((await ports.store.head('web')).service).toContain('"state":"holding"');
  });

  it('that is appended in several calls: each loss says how many come with it, and none drains at any step', async () => {
    const names = await registered(2_400);
    await append(lost(names), names);
    const events = await ports.log.read('web', '0-0', 10_000);
    const left = events.flatMap(({ event }) => (event.type === 'deregistered' ? [event.left] : []));
    expect(left).toEqual(names.map((_, at) => names.length - at));
    expect(new Set(await admins())).toEqual(new Set(['2400 ready']));
  });

  it('of znodes that name other instances now: none of those that were named drains at any step', async () => {
    const names = await registered(2_000);
    await rename(names);
    const seen = await admins();
    expect(seen.filter((admins) => admins.includes('drain'))).toEqual([]);
    expect(seen.at(-1)).toBe('4000 ready');
    const { children } = await ports.log.readView('web');
    expect([...children.values()].filter(({ instance }) => instance.length === nameOf(10_001).length)).toHaveLength(2_000);
  });

  it.each([980, 970, 961])('of few znodes that name other instances now, behind a backlog of %i events: none drains', async (behind) => {
    const names = await registered(20);
    await backlog(behind);
    await rename(names);
    const seen = await admins();
    expect(seen.filter((admins) => admins.includes('drain'))).toEqual([]);
    expect(seen.at(-1)).toBe('40 ready');
    expect((await ports.store.head('web')).service).toContain('"state":"holding"');
  });

  it('says nothing of those that another znode backs: they are not lost', async () => {
    const names = await registered(200);
    const twins = names.map((name, at): ServiceEvent => {
      const znode = { name: `twin-${at}`, ...zero };
      return { type: 'registered', instance: name, znode, said: { registration: registration(at + 1) } };
    });
    await append([...twins, ...lost(names)], names);
    expect(new Set(await admins())).toEqual(new Set(['200 ready']));
    expect((await ports.store.head('web')).service).toContain('"state":"open"');
  });

  it('and one within the budget drains all the same', async () => {
    const names = await registered(2_400);
    const going = names.slice(0, 1_200);
    await append(lost(going), going);
    expect((await admins()).at(-1)).toBe('1200 drain, 1200 ready');
  });
});
