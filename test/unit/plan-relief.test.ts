/** A server that is to stand by keeps its requests until another takes them on this very proxy; and no command leaves a moment in which nobody does. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ObservedServer } from '../../shared/model/observed.ts';
import { serves } from '../../shared/plan/fit.ts';
import { commands, plan } from '../support/plans.ts';
import { desiredBackend, desiredServer, observedBackend, observedServer } from '../support/samples.ts';

const DOWN: Partial<ObservedServer> = { operation: 'stopped', check: 'failed' };
const BEHIND = { weight: 0, behind: true };
const A = '10.0.0.1:80';
const B = '10.0.0.2:80';

describe('a server that is to stand by', () => {
  it.each<[string, Partial<ObservedServer> | null, string[], number]>([
    ['is set to weight 0 when one of the active path is up', {}, [`weight ${B}`], 0],
    ['goes on while that one is down here', DOWN, [], 1],
    ['goes on while that one is not there yet', null, [`add ${A}`], 1],
    ['goes on while that one is in maint', { admin: 'maint', operation: 'stopped', check: 'pending' }, [`admit ${A}`], 1],
  ])('%s', (_, seen, expected, waiting) => {
    const desired = desiredBackend([desiredServer(1), desiredServer(2, BEHIND)]);
    const observed = observedBackend([...(seen === null ? [] : [observedServer(1, seen)]), observedServer(2)]);
    expect(commands({ desired, observed })).toEqual(expected);
    expect(plan({ desired, observed }).waiting.map(({ server }) => server)).toEqual(waiting === 0 ? [] : [B]);
  });

  it('that takes none is given none: nothing is left to do', () => {
    const desired = desiredBackend([desiredServer(1), desiredServer(2, BEHIND), desiredServer(3, BEHIND)]);
    const observed = observedBackend([
      observedServer(1, DOWN),
      observedServer(2, { weight: 0 }),
      observedServer(3, { weight: 0, ...DOWN }),
    ]);
    expect(plan({ desired, observed })).toMatchObject({ commands: [], waiting: [] });
  });

  it('goes behind those that take over, in the order of commands', () => {
    const desired = desiredBackend([desiredServer(1, BEHIND), desiredServer(2, { weight: 3 })]);
    expect(commands({ desired, observed: observedBackend([observedServer(1), observedServer(2, { weight: 0 })]) })).toEqual([
      `weight ${B}`,
      `weight ${A}`,
    ]);
  });

  it('whatever is to change its place: as long as one is up that is to be ready, one that is up takes requests behind every command', () => {
    const server = fc.record({ behind: fc.boolean(), leaves: fc.boolean(), weight: fc.constantFrom(0, 5), up: fc.boolean() });
    fc.assert(
      fc.property(fc.array(server, { minLength: 1, maxLength: 6 }), (drawn) => {
        const desired = desiredBackend(
          drawn.map(({ behind, leaves }, index) => desiredServer(index + 1, leaves ? { admin: 'drain' } : behind ? BEHIND : { weight: 5 })),
        );
        const servers = new Map(
          drawn.map(({ weight, up }, index) => [`10.0.0.${index + 1}:80`, observedServer(index + 1, { weight, ...(up ? {} : DOWN) })]),
        );
        const taking = (): number => [...servers.values()].filter((one) => serves(one) && one.weight > 0).length;
        const stays = drawn.some(({ up, leaves, behind, weight }) => up && !leaves && (!behind || weight > 0));
        for (const { command } of plan({ desired, observed: observedBackend([...servers.values()]) }).commands) {
          const before = servers.get(command.server);
          if (before === undefined) continue;
          if (command.kind === 'weight') servers.set(command.server, { ...before, weight: command.weight });
          if (command.kind === 'drain') servers.set(command.server, { ...before, admin: 'drain' });
          if (stays && command.kind !== 'weight') expect(taking()).toBeGreaterThan(0);
          if (stays && command.kind === 'weight' && command.weight === 0) expect(taking()).toBeGreaterThan(0);
        }
      }),
      { numRuns: 2_000 },
    );
  });
});
