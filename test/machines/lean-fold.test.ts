/**
 * Production folds in batches and loads only what `needs` names; a replay folds one event after the other with everything loaded. Both must leave the
 * same bytes (I8), whatever the order of registrations, checks, operators' acts, configs and deadlines.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Replay } from '../../machines/replay.ts';
import { TOMBSTONES_MAX } from '../../machines/service.ts';
import { canonical } from '../../shared/model/canonical.ts';
import type { ServiceConfig } from '../../shared/model/service-config.ts';
import { foldService } from '../../workers/transition/fold-service.ts';
import { type Act, acts, config, Writers } from '../support/acts.ts';
import { MemoryStore } from '../support/memory-store.ts';
import { serviceConfig } from '../support/service-events.ts';

async function run(first: ServiceConfig, story: readonly Act[], batches: readonly number[]): Promise<MemoryStore> {
  const memory = new MemoryStore();
  const writers = new Writers();
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

function expectReplayed(memory: MemoryStore): void {
  const replay = new Replay();
  for (const logged of memory.log) replay.step(logged);
  const { service, instances, addresses } = replay.state();
  expect(memory.service).toBe(canonical(service));
  expect(sorted(memory.instances)).toEqual(sorted(new Map([...instances].map(([id, snapshot]) => [id, canonical(snapshot)]))));
  expect(sorted(memory.addresses)).toEqual(sorted(new Map([...addresses].map(([key, claim]) => [key, canonical(claim)]))));
}

function sorted(map: ReadonlyMap<string, string>): [string, string][] {
  return [...map].sort(([a], [b]) => (a < b ? -1 : 1));
}

const RUNS = Number(process.env['RUNS'] ?? '600');

describe('what production keeps', () => {
  it.each([
    ['few', 4],
    ['many', 30],
  ])(
    'is what a replay gives, with %s instances',
    async (_what, hosts) => {
      const batches = fc.array(fc.integer({ min: 0, max: 6 }), { minLength: 1, maxLength: 5 });
      await fc.assert(
        fc.asyncProperty(config, acts(hosts, 80), batches, async (first, story, sizes) => expectReplayed(await run(first, story, sizes))),
        { numRuns: RUNS },
      );
    },
    600_000,
  );

  it('keeps no more of those that went than their tombstones', async () => {
    const memory = new MemoryStore();
    memory.append([{ type: 'configured', config: serviceConfig({ drainTimeout: 10, guard: { maxLoss: 1, window: 10, hold: 10 } }) }]);
    for (let at = 0; at < TOMBSTONES_MAX + 40; at += 1) {
      const host = `10.0.${at >> 8}.${at & 255}`;
      const znode = { name: `${host}:80`, czxid: '1', mzxid: '1', version: 0 };
      const said = { registration: { host, address: host, port: 80, weight: 1, labels: {} } };
      memory.append([
        { type: 'registered', instance: `${host}:80`, znode, said },
        { type: 'deregistered', instance: `${host}:80`, znode },
      ]);
      await foldService(memory.ports, 'web', memory.now);
      memory.now += 20;
      await foldService(memory.ports, 'web', memory.now);
    }
    expect(memory.instances.size).toBe(TOMBSTONES_MAX);
    expectReplayed(memory);
  });
});
