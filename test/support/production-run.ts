/** Random runs of the production fold over a store in memory, and the promise that a replay of their log leaves the same bytes (I8). */
import fc from 'fast-check';
import { expect } from 'vitest';
import { serviceDeadline } from '../../machines/deadlines.ts';
import { Replay } from '../../machines/replay.ts';
import { must } from '../../shared/errors.ts';
import { canonical } from '../../shared/model/canonical.ts';
import type { ServiceConfig } from '../../shared/model/service-config.ts';
import { GUARD_DEADLINE } from '../../shared/redis/service-store.ts';
import { foldService } from '../../workers/transition/fold-service.ts';
import { type Act, acts, config, Writers } from './acts.ts';
import { MemoryStore } from './memory-store.ts';
import { eventItems, exportText, foldedText, storedItems, streamItems } from './story-log.ts';

/** Acts among `hosts` hosts, folded in batches of all sizes. */
export function replayEqualsRun(hosts: number): fc.IAsyncPropertyWithHooks<[ServiceConfig, Act[], number[]]> {
  const batches = fc.array(fc.integer({ min: 0, max: 6 }), { minLength: 1, maxLength: 5 });
  return fc.asyncProperty(config, acts(hosts, 80), batches, async (first, story, sizes) => {
    const memory = await run(first, story, sizes);
    expectReplayed(memory);
    await expectExportReplayed(memory);
  });
}

async function run(first: ServiceConfig, story: readonly Act[], batches: readonly number[]): Promise<MemoryStore> {
  const memory = new MemoryStore();
  const writers = new Writers(first);
  memory.append([{ type: 'configured', config: first }]);
  for (const [index, act] of story.entries()) {
    if (act.kind === 'pass') memory.now += act.ms;
    const fresh = writers.events(act, memory.now);
    memory.append(fresh);
    memory.batch = batches[index % batches.length] ?? 1;
    // 0: the fold comes later, with what follows.
    if (memory.batch > 0) await foldService(memory.ports, 'web', memory.now, memory.batch % 2 === 0 ? fresh : []);
  }
  memory.batch = 7;
  while (memory.cursor < memory.log.length) await foldService(memory.ports, 'web', memory.now);
  return memory;
}

export function expectReplayed(memory: MemoryStore): void {
  const replay = new Replay();
  for (const logged of memory.log) replay.step(logged);
  const { service, instances, addresses } = replay.state();
  expect(memory.service).toBe(canonical(service));
  expect(sorted(memory.instances)).toEqual(sorted(new Map([...instances].map(([id, snapshot]) => [id, canonical(snapshot)]))));
  expect(sorted(memory.addresses)).toEqual(sorted(new Map([...addresses].map(([key, claim]) => [key, canonical(claim)]))));
  const deadlines = [...instances].map(([id, { context }]) => [id, Object.values(context.timers).map(({ at }) => at)] as const);
  const guard = serviceDeadline(service);
  const due = new Map(deadlines.flatMap(([id, times]) => (times.length === 0 ? [] : [[id, Math.min(...times)]])));
  if (guard !== null) due.set(GUARD_DEADLINE, guard);
  expect(sorted(memory.deadlines)).toEqual(sorted(due));
}

/** Elsewhere, from the text of an export alone. */
async function expectExportReplayed(memory: MemoryStore): Promise<void> {
  const { log, instances, addresses } = memory;
  const stored = { service: must(memory.service, 'a service'), instances, addresses };
  const [done] = foldedText(await exportText(streamItems('web', [...eventItems({ logged: log }, 0), ...storedItems(log, stored)]))).done;
  expect(done?.failed).toBeNull();
  expect(done?.result?.differences).toEqual([]);
  expect(done?.result?.compared).toBe(1);
}

function sorted<T>(map: ReadonlyMap<string, T>): [string, T][] {
  return [...map].sort(([a], [b]) => (a < b ? -1 : 1));
}
