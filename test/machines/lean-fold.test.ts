/**
 * Production folds in batches and loads only what `needs` names; a replay folds one event after the other with everything loaded. Both must leave the
 * same bytes (I8), whatever the order of registrations, checks, operators' acts, configs and deadlines.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TOMBSTONES_MAX } from '../../machines/service.ts';
import type { ServiceEvent } from '../../shared/model/event.ts';
import type { Znode } from '../../shared/model/registration.ts';
import { foldService } from '../../workers/transition/fold-service.ts';
import { MemoryStore } from '../support/memory-store.ts';
import { expectReplayed, replayEqualsRun } from '../support/production-run.ts';
import { runs } from '../support/property.ts';
import { serviceConfig } from '../support/service-events.ts';

describe('what production keeps', () => {
  it.each([
    ['few', 4],
    ['many', 30],
  ])(
    'is what a replay gives, with %s instances',
    async (_what, hosts) => {
      await fc.assert(replayEqualsRun(hosts), runs(600));
    },
    600_000,
  );

  it('has no drain in it when more than maxLoss went in one difference: no proxy hears of one', async () => {
    const memory = new MemoryStore();
    const hosts = Array.from({ length: 10 }, (_, index) => `10.0.0.${index + 1}`);
    const znodeOf = (host: string): Znode => ({ name: `${host}:80`, czxid: '1', mzxid: '1', version: 0 });
    memory.append([
      { type: 'configured', config: serviceConfig() },
      ...hosts.map((host): ServiceEvent => {
        const said = { registration: { host, address: host, port: 80, weight: 1, labels: {} } };
        return { type: 'registered', instance: `${host}:80`, znode: znodeOf(host), said };
      }),
    ]);
    await foldService(memory.ports, 'web', memory.now);
    const before = [...memory.desired];
    memory.append(hosts.slice(0, 6).map((host): ServiceEvent => ({ type: 'deregistered', instance: `${host}:80`, znode: znodeOf(host) })));
    await foldService(memory.ports, 'web', memory.now);
    expect([...memory.desired]).toEqual(before);
    expect(memory.service).toContain('"state":"holding"');
  });

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
