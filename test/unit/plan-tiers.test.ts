/** Of paths in order the first that serves on a proxy takes its requests, whatever others see; and no order of commands leaves a moment in which nobody does. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { DesiredBackend, DesiredServer } from '../../shared/model/desired.ts';
import { asDesiredServer } from '../../shared/model/desired.ts';
import type { ObservedBackend, ObservedServer } from '../../shared/model/observed.ts';
import type { PlannedCommand } from '../../shared/plan/backend-plan.ts';
import { type Forms, takesRequests } from '../../shared/plan/fit.ts';
import { openServers, overridesOf, withOverrides } from '../../shared/plan/overrides.ts';
import { standInName, stoodInFor } from '../../shared/plan/stand-in.ts';
import { renderedServers } from '../../workers/reconciler/files.ts';
import { commands, plan } from '../support/plans.ts';
import { desiredBackend, desiredServer, observedBackend, observedServer } from '../support/samples.ts';

const DOWN: Partial<ObservedServer> = { operation: 'stopped', check: 'failed' };
const A = '10.0.0.1:80';
const B = '10.0.0.2:80';
const two = desiredBackend([desiredServer(1, { weight: 3 }), desiredServer(2, { weight: 5, tier: 1 })]);

/** Weights as they are set, by server. */
function weights(desired: DesiredBackend, observed: readonly ObservedServer[], forms?: Forms): Record<string, number> {
  const input = { desired, observed: observedBackend(observed), ...(forms === undefined ? {} : { forms }) };
  return Object.fromEntries(
    plan(input).commands.flatMap(({ command }) =>
      command.kind === 'weight' || command.kind === 'add' ? [[command.server, command.weight]] : [],
    ),
  );
}

describe('a server of the second path', () => {
  const full = observedServer(1, { weight: 3 });

  it.each<[string, ObservedServer[], Record<string, number>]>([
    ['stands by where one of the first takes requests', [full, observedServer(2, { weight: 5 })], { [B]: 0 }],
    ['goes on doing so', [full, observedServer(2, { weight: 0 })], {}],
    ['takes them where that one is down', [{ ...full, ...DOWN }, observedServer(2, { weight: 0 })], { [B]: 5 }],
    ['goes on doing so where that one is down', [{ ...full, ...DOWN }, observedServer(2, { weight: 5 })], {}],
    ['takes them while that one is not there yet', [observedServer(2, { weight: 0 })], { [A]: 3, [B]: 5 }],
    [
      'takes them while that one is in maint',
      [{ ...full, admin: 'maint', operation: 'stopped' }, observedServer(2, { weight: 0 })],
      { [B]: 5 },
    ],
    ['takes them while that one stops', [{ ...full, operation: 'stopping' }, observedServer(2, { weight: 0 })], { [B]: 5 }],
    ['is added with the weight that it has here', [full], { [B]: 0 }],
  ])('%s', (_, observed, expected) => {
    expect(weights(two, observed)).toEqual(expected);
  });

  it('takes them where the first are of weight 0, leave, or are out', () => {
    const others: Partial<DesiredServer>[] = [{ weight: 0 }, { admin: 'drain' }, { admin: 'out' }];
    for (const first of others) {
      const desired = desiredBackend([desiredServer(1, first), desiredServer(2, { weight: 5, tier: 1 })]);
      expect(weights(desired, [observedServer(1, { weight: first.weight ?? 1 }), observedServer(2, { weight: 0 })])).toEqual({ [B]: 5 });
    }
  });

  it('takes over before the first lets go, in one and the same look', () => {
    const leaving = desiredBackend([desiredServer(1, { admin: 'drain' }), desiredServer(2, { weight: 5, tier: 1 })]);
    expect(commands({ desired: leaving, observed: observedBackend([full, observedServer(2, { weight: 0 })]) })).toEqual([
      `weight ${B}`,
      `drain ${A}`,
    ]);
    const turned = desiredBackend([desiredServer(1, { weight: 3, tier: 1 }), desiredServer(2, { weight: 5 })]);
    const unchecked = { ...full, checking: false };
    for (const first of [full, unchecked])
      expect(
        commands({ desired: turned, observed: observedBackend([first, observedServer(2, { weight: 0 })]) }).filter((one) =>
          one.startsWith('weight'),
        ),
      ).toEqual([`weight ${B}`, `weight ${A}`]);
  });

  it('that is registered takes them beside those of the first that are kept without a registration; one that is kept itself does not', () => {
    const held = { held: true };
    const of = (second: Partial<DesiredServer>): DesiredBackend =>
      desiredBackend([desiredServer(1, { weight: 3, ...held }), desiredServer(2, { weight: 5, tier: 1, ...second })]);
    expect(weights(of({}), [full, observedServer(2, { weight: 0 })])).toEqual({ [B]: 5 });
    expect(weights(of(held), [full, observedServer(2, { weight: 0 })])).toEqual({});
  });

  it('keeps its weight when it is made anew, and so does its stand-in, the first being down here', () => {
    const forms = {
      wanted: 'new',
      made: new Map([
        [A, 'new'],
        [B, 'old'],
      ]),
    };
    const down = { ...full, ...DOWN };
    const old = observedServer(2, { weight: 0 });
    const made = plan({ desired: two, observed: observedBackend([down, old]), forms }).commands;
    expect(made.map(({ command }) => command)).toMatchObject([
      { kind: 'add', server: standInName(B), weight: 5 },
      { kind: 'weight', server: B, weight: 5 },
    ]);
    const standIn = observedServer(9, { name: standInName(B), id: 500_002, address: '10.0.0.2', weight: 0 });
    const then = { wanted: 'new', made: new Map([...forms.made, [standIn.name, 'new']]) };
    expect(commands({ desired: two, observed: observedBackend([down, { ...old, weight: 5 }, standIn]), forms: then })).toEqual([
      `weight ${standIn.name}`,
      `drain ${B}`,
    ]);
  });

  it('is kept out by a stand-in of the first, until that leaves', () => {
    const standIn = observedServer(9, { name: standInName(A), id: 500_001, address: '10.0.0.1', weight: 3 });
    expect(weights(two, [standIn, observedServer(2, { weight: 5 })])).toEqual({ [A]: 3, [B]: 0 });
    const failing = { ...standIn, check: 'failed' as const };
    // Neither is good, and the stand-in goes.
    expect(
      commands({ desired: two, observed: observedBackend([{ ...full, ...DOWN }, failing, observedServer(2, { weight: 0 })]) }),
    ).toEqual([`weight ${B}`, `drain ${standIn.name}`]);
  });
});

describe('the managed file', () => {
  const shown = (observed: ObservedServer[]): unknown[] =>
    renderedServers(two, observedBackend(observed)).map(({ name, weight, up }) => [name, weight, up]);

  it('has those take requests from the start that do now', () => {
    expect(shown([observedServer(1, { weight: 3 }), observedServer(2, { weight: 0 })])).toEqual([
      [A, 3, true],
      [B, 0, true],
    ]);
    expect(shown([observedServer(1, { weight: 3, ...DOWN }), observedServer(2, { weight: 5 })])).toEqual([
      [A, 3, false],
      [B, 5, true],
    ]);
    // A stand-in is in no file.
    const standIn = observedServer(9, { name: standInName(A), weight: 3 });
    expect(shown([observedServer(1, { weight: 3, admin: 'drain' }), standIn, observedServer(2, { weight: 0 })])).toEqual([
      [A, 3, false],
      [B, 5, true],
    ]);
  });
});

describe('weights that were set by hand', () => {
  const record = { worker: '7@1', redis: 'run', revision: 1, maxConn: null, open: [], overrides: [] };
  const input = { worker: '7@1', redis: 'run', isNews: () => false, filed: new Set<string>(), now: 100 };
  const set = [observedServer(1, { weight: 0 }), observedServer(2, { weight: 7 })];

  it('are those of the first path alone: its requests are then for the next', () => {
    const overrides = overridesOf({ ...input, desired: two, observed: observedBackend(set), looked: record });
    expect(overrides).toEqual([{ server: A, since: 100, weight: 0 }]);
    expect(weights(withOverrides(two, overrides), set)).toEqual({ [B]: 5 });
  });

  it('are forgotten of a server that is of a later path now, also on another worker', () => {
    const known = [{ server: B, since: 50, weight: 7 }];
    for (const worker of ['7@1', '8@2'])
      expect(
        overridesOf({
          ...input,
          worker,
          desired: two,
          observed: observedBackend([observedServer(1, { weight: 3 }), observedServer(2)]),
          looked: { ...record, overrides: known },
        }),
      ).toEqual([]);
    expect(withOverrides(two, known)).toMatchObject({ servers: two.servers });
  });

  it('what follows from the others leaves no server open to be taken for ours', () => {
    const observed = observedBackend([observedServer(1, { weight: 3 }), observedServer(2, { weight: 0 })]);
    expect(openServers(two, observed, plan({ desired: two, observed }), undefined)).toEqual([]);
  });
});

it('what an earlier version stored takes requests where none of the first path does, until it is told anew', () => {
  const { tier: _none, ...stored } = desiredServer(2, { weight: 0 });
  expect(asDesiredServer(B, JSON.stringify({ ...stored, behind: true }))).toEqual({ ...stored, tier: 1, weight: 1 });
});

interface Drawn {
  readonly wanted: Partial<DesiredServer> | null;
  readonly seen: Partial<ObservedServer> | null;
  readonly standIn: Partial<ObservedServer> | null;
  readonly made: string;
  readonly standInMade: string;
}

const seen = fc
  .record({
    admin: fc.constantFrom('ready' as const, 'ready' as const, 'ready' as const, 'ready' as const, 'drain' as const, 'maint' as const),
    weight: fc.constantFrom(0, 5),
    state: fc.constantFrom<Partial<ObservedServer>>({}, {}, {}, DOWN, { check: 'failed' }, { operation: 'stopped', check: 'pending' }),
    checking: fc.constantFrom(true, true, true, false),
  })
  .map(({ state, ...own }) => ({ ...own, ...state, ...(own.admin === 'maint' ? { operation: 'stopped' as const } : {}) }));
const seldom = <T>(weight: number, arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | null> =>
  fc.oneof({ weight: 10 - weight, arbitrary: fc.constant(null) }, { weight, arbitrary });
const form = fc.constantFrom('new', 'new', 'new', 'old');
const drawn: fc.Arbitrary<Drawn> = fc.record({
  wanted: seldom(
    9,
    fc.record({
      tier: fc.nat(2),
      weight: fc.constantFrom(0, 5, 5, 5),
      admin: fc.constantFrom('ready' as const, 'ready' as const, 'ready' as const, 'out' as const, 'drain' as const),
      held: fc.boolean(),
    }),
  ),
  seen: seldom(8, seen),
  standIn: seldom(2, seen),
  made: form,
  standInMade: form,
});

/** What a command makes of the servers: what is added, or admitted, waits for a good check. */
function applied(servers: Map<string, ObservedServer>, { command }: PlannedCommand): void {
  const name = command.server;
  const before = servers.get(name);
  if (command.kind === 'add') {
    const { id, address, weight } = command;
    servers.set(name, observedServer(1, { name, id, address, weight, operation: 'stopped', check: 'pending' }));
  } else if (before === undefined) throw new Error(`${command.kind} of a server that is not there`);
  else if (command.kind === 'weight') servers.set(name, { ...before, weight: command.weight });
  else if (command.kind === 'drain' || command.kind === 'ready') servers.set(name, { ...before, admin: command.kind });
  else if (command.kind === 'maint') servers.set(name, { ...before, admin: 'maint', operation: 'stopped' });
  else if (command.kind === 'admit')
    servers.set(name, { ...before, admin: 'ready', operation: 'stopped', check: 'pending', checking: true });
  else if (command.kind === 'enable-health') servers.set(name, { ...before, checking: true });
  else if (command.kind === 'delete') servers.delete(name);
}

describe('whatever is there', () => {
  it('nobody is left without a server by an order of commands, and what is left is the lowest tier that serves', () => {
    let reached = 0;
    fc.assert(
      fc.property(fc.array(drawn, { minLength: 1, maxLength: 5 }), (all) => {
        const desired = desiredBackend(all.flatMap(({ wanted }, at) => (wanted === null ? [] : [desiredServer(at + 1, wanted)])));
        const servers = new Map<string, ObservedServer>();
        const made = new Map<string, string>();
        for (const [at, one] of all.entries()) {
          const { name, id, address } = desiredServer(at + 1);
          made.set(name, one.made).set(standInName(name), one.standInMade);
          if (one.seen !== null) servers.set(name, observedServer(id, one.seen));
          const next = { name: standInName(name), id: 500_000 + id, address };
          if (one.standIn !== null) servers.set(next.name, observedServer(id, { ...one.standIn, ...next }));
        }
        const observed = (): ObservedBackend => observedBackend([...servers.values()]);
        const forms = (): Forms => ({ wanted: 'new', made });
        const taking = (): ObservedServer[] => [...servers.values()].filter((one) => takesRequests(one) && one.weight > 0);
        const counts = [taking().length];
        for (const one of plan({ desired, observed: observed(), forms: forms() }).commands) {
          if (one.command.kind === 'add') made.set(one.command.server, 'new');
          applied(servers, one);
          counts.push(taking().length);
        }
        const first = counts.findIndex((count) => count > 0);
        if ((counts.at(-1) ?? 0) > 0) expect(counts.slice(first)).not.toContain(0);
        // Somebody takes requests whenever somebody could.
        const wantedFor = ({ name }: ObservedServer): DesiredServer | undefined => desired.servers.get(stoodInFor(name) ?? name);
        const able = [...servers.values()].filter(
          (one) => takesRequests(one) && wantedFor(one)?.admin === 'ready' && (wantedFor(one)?.weight ?? 0) > 0,
        );
        if (able.length > 0) expect(counts.at(-1)).toBeGreaterThan(0);
        reached += Number(able.length > 1);
        // What is made anew goes on, and its weights with it.
        if (all.some(({ standIn, made }) => standIn !== null || made === 'old')) return;
        const tier = (one: ObservedServer): number => wantedFor(one)?.tier ?? 0;
        const lowest = Math.min(...able.filter((one) => wantedFor(one)?.held !== true).map(tier));
        for (const one of able) if (tier(one) > lowest) expect(one.weight, one.name).toBe(0);
        for (const one of able) if (tier(one) === Math.min(...able.map(tier))) expect(one.weight, one.name).toBe(5);
        expect(plan({ desired, observed: observed(), forms: forms() }).commands.filter(({ command }) => command.kind === 'weight')).toEqual(
          [],
        );
      }),
      { numRuns: 5_000 },
    );
    expect(reached).toBeGreaterThan(200);
  });
});
