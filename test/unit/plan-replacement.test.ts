/** Servers that must be made anew, case by case: new before old. */
import { describe, expect, it } from 'vitest';
import type { ObservedServer } from '../../shared/model/observed.ts';
import { commands, plan } from '../support/plans.ts';
import { desiredBackend, desiredServer, observedBackend, observedServer } from '../support/samples.ts';

const QUIET = { current: 0, quietMs: 100 };
const A = '10.0.0.1:80';

describe('servers that must be made anew', () => {
  const wrongId = observedServer(1, { id: 9 });

  const desired = desiredBackend([desiredServer(1)]);
  const NEXT = `${A}-next`;
  const standIn = observedServer(1, { name: NEXT, id: 500_001 });

  it('gets a stand-in first, where it serves: no reload, and nothing of it is touched before', () => {
    const made = plan({ desired, observed: observedBackend([wrongId]) });
    expect(made.commands.map(({ command }) => command)).toEqual([
      expect.objectContaining({ kind: 'add', server: NEXT, id: 500_001, address: '10.0.0.1', port: 80 }),
    ]);
    expect(made.commands[0]?.reason).toBe(`stands in for ${A}: its id is 9, not 1`);
    expect(made.reload).toBeNull();
    expect(made.waiting).toHaveLength(1);
  });

  it.each<[string, Partial<ObservedServer>, string[]]>([
    ['stays while its stand-in is not found good', { check: 'pending', operation: 'stopped' }, []],
    ['stays while its stand-in is down', { check: 'failed', operation: 'stopped' }, []],
    ['leaves once its stand-in is good', {}, [`drain ${A}`]],
    ['stays while its stand-in is half made', { admin: 'maint', operation: 'stopped', checking: false }, [`admit ${NEXT}`]],
  ])('%s', (_what, seen, expected) => {
    expect(commands({ desired, observed: observedBackend([wrongId, { ...standIn, ...seen }]) })).toEqual(expected);
  });

  it('is drained before it is deleted, and made under its own name and id; then the stand-in leaves', () => {
    const drained = observedServer(1, { id: 9, admin: 'drain' });
    const busy = new Map([[A, { current: 1, quietMs: 0, countedMs: 0 }]]);
    expect(commands({ desired, observed: observedBackend([drained, standIn]), sessions: busy })).toEqual([]);
    expect(commands({ desired, observed: observedBackend([drained, standIn]), sessions: new Map([[A, QUIET]]) })).toEqual([
      `maint ${A}`,
      `delete ${A}`,
    ]);
    expect(commands({ desired, observed: observedBackend([standIn]) })).toEqual([`add ${A}`]);
    const fresh = observedServer(1, { check: 'pending', operation: 'stopped' });
    expect(commands({ desired, observed: observedBackend([fresh, standIn]) }), 'not found good yet').toEqual([]);
    expect(commands({ desired, observed: observedBackend([observedServer(1), standIn]) })).toEqual([`drain ${NEXT}`]);
    const leaving = { ...standIn, admin: 'drain' as const };
    expect(commands({ desired, observed: observedBackend([observedServer(1), leaving]), sessions: new Map([[NEXT, QUIET]]) })).toEqual([
      `maint ${NEXT}`,
      `delete ${NEXT}`,
    ]);
  });

  it('leaves also when its stand-in fails, where most others are good as they should be', () => {
    const failing = { ...standIn, check: 'failed' as const, operation: 'stopped' as const };
    const ids = [1, 2, 3];
    const three = desiredBackend(ids.map((id) => desiredServer(id)));
    expect(commands({ desired: three, observed: observedBackend([wrongId, failing, observedServer(2), observedServer(3)]) })).toEqual([
      `drain ${A}`,
    ]);
    const bad = observedServer(3, { check: 'failed', operation: 'stopped' });
    expect(commands({ desired: three, observed: observedBackend([wrongId, failing, observedServer(2), bad]) })).toEqual([]);
  });

  it('a stand-in with options that are wanted no more stays where it is all that serves', () => {
    const forms = { wanted: 'new', made: new Map([[NEXT, 'before']]) };
    const given = (...seen: ObservedServer[]): string[] => commands({ desired, observed: observedBackend(seen), forms });
    const old = observedServer(1, { operation: 'stopped', check: 'pending' });
    expect(given(standIn), 'the server itself is gone for now').toEqual([`add ${A}`]);
    expect(given(old, standIn), 'it is not found good yet').toEqual([]);
    expect(given(observedServer(1), standIn)).toEqual([`drain ${NEXT}`]);
    const both = {
      wanted: 'new',
      made: new Map([
        [A, 'before'],
        [NEXT, 'before'],
      ]),
    };
    expect(commands({ desired, observed: observedBackend([observedServer(1), standIn]), forms: both }), 'makes room for the next').toEqual([
      `drain ${NEXT}`,
    ]);
  });

  it('a stand-in leaves with whom it stands in for', () => {
    const draining = desiredBackend([desiredServer(1, { admin: 'drain' })]);
    expect(commands({ desired: draining, observed: observedBackend([wrongId, standIn]) })).toEqual([`drain ${A}`, `drain ${NEXT}`]);
    expect(commands({ desired: desiredBackend([]), observed: observedBackend([standIn]) })).toEqual([`drain ${NEXT}`]);
  });

  it('a tenth of them at a time', () => {
    const ids = Array.from({ length: 20 }, (_, index) => index + 1);
    const many = desiredBackend(ids.map((id) => desiredServer(id)));
    const old = ids.map((id) => observedServer(id, { id: id + 100 }));
    expect(commands({ desired: many, observed: observedBackend(old) })).toHaveLength(2);
    const begun = [...old, observedServer(1, { name: '10.0.0.1:80-next', id: 500_001, check: 'pending', operation: 'stopped' })];
    expect(commands({ desired: many, observed: observedBackend(begun) })).toHaveLength(1);
  });

  it('waits while the fleet holds it, but for what is begun and for who has the id of another', () => {
    const hold = { why: 'when others have', nextTry: null };
    const two = desiredBackend([desiredServer(1), desiredServer(2)]);
    const forms = { wanted: 'new', made: new Map<string, string>() };
    const old = { ...observedBackend([observedServer(1), observedServer(2)]), form: 'old' };
    const held = plan({ desired: two, observed: old, forms, hold });
    expect(held.commands).toEqual([]);
    expect(held.waiting.map(({ reason }) => reason)).toEqual([
      'to be made anew (it was made with other options) when others have',
      'to be made anew (it was made with other options) when others have',
    ]);
    expect(held.anew).toEqual({ held: hold });
    const begun = { ...old, servers: new Map([...old.servers, [NEXT, standIn]]) };
    const withStandIn = { ...forms, made: new Map([[NEXT, 'new']]) };
    const goesOn = plan({ desired: two, observed: begun, forms: withStandIn, hold });
    expect(goesOn.commands.map(({ command }) => command)).toEqual([expect.objectContaining({ kind: 'drain', server: A })]);
    expect(goesOn.anew).toEqual({ held: null });
    expect(plan({ desired, observed: observedBackend([wrongId]), forms, hold }).commands).toHaveLength(1);
    expect(plan({ desired, observed: observedBackend([observedServer(1)]), hold }).anew).toBeUndefined();
  });

  it('that was made with other options than are wanted, and only that one', () => {
    const two = desiredBackend([desiredServer(1), desiredServer(2)]);
    const observed = { ...observedBackend([observedServer(1), observedServer(2)]), form: 'old' };
    const forms = { wanted: 'new', made: new Map([['10.0.0.2:80', 'new']]) };
    expect(commands({ desired: two, observed, forms })).toEqual([`add ${NEXT}`]);
    expect(commands({ desired: two, observed, forms: { ...forms, wanted: 'old' } })).toEqual(['add 10.0.0.2:80-next']);
    expect(commands({ desired: two, observed: { ...observed, form: null }, forms: { ...forms, made: new Map() } })).toEqual([]);
    const outdated = { ...observed, servers: new Map([...observed.servers, [NEXT, standIn]]) };
    expect(
      commands({
        desired: two,
        observed: outdated,
        forms: {
          wanted: 'newest',
          made: new Map([
            [NEXT, 'new'],
            ['10.0.0.2:80', 'newest'],
          ]),
        },
      }),
    ).toEqual([`drain ${NEXT}`]);
  });

  it('replaces one that takes no requests at once', () => {
    const observed = observedBackend([observedServer(1, { id: 9, admin: 'maint' })]);
    expect(commands({ desired: desiredBackend([desiredServer(1)]), observed, sessions: new Map([[A, QUIET]]) })).toEqual([`delete ${A}`]);
  });

  it('two with their ids exchanged both get stand-ins at once: each waits for the id of the other', () => {
    const both = desiredBackend([desiredServer(1), desiredServer(2)]);
    const observed = observedBackend([observedServer(1, { id: 2 }), observedServer(2, { id: 1 })]);
    expect(commands({ desired: both, observed })).toEqual([`add ${NEXT}`, 'add 10.0.0.2:80-next']);
  });

  it('waits with an add whose id is still held', () => {
    const observed = observedBackend([observedServer(8, { id: 1, admin: 'maint' })]);
    const made = plan({ desired: desiredBackend([desiredServer(1)]), observed, sessions: new Map([['10.0.0.8:80', QUIET]]) });
    expect(made.commands.map(({ command }) => command.kind)).toEqual(['delete']);
    expect(made.waiting).toEqual([{ server: A, reason: 'its id 1 is still held by 10.0.0.8:80' }]);
  });

  it('a check that is not there cannot be added to a server', () => {
    const observed = observedBackend([observedServer(1, { check: 'none', checking: false })]);
    expect(plan({ desired, observed }).commands[0]?.reason).toContain('it was made without a check');
  });
});
