/** The view and what is new in a reading: applying the difference gives the reading, and the events tell exactly that. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ServiceEvent } from '../../shared/model/event.ts';
import type { Decoded } from '../../shared/model/registration.ts';
import { diffView, type ReadChildren, type ViewEntry } from '../../shared/znode/view.ts';

const entry = (czxid: number, mzxid: number, instance: string): ViewEntry => ({
  czxid: String(czxid),
  mzxid: String(mzxid),
  version: mzxid - czxid,
  instance,
});
const says = (instance: string): Decoded => ({
  ok: true,
  instance,
  registration: { host: instance, address: instance, port: 80, weight: 1, labels: {} },
});

interface Shown {
  readonly kind: 'full' | 'delta';
  readonly children: Record<string, ViewEntry>;
  readonly gone?: string[];
  readonly unread?: string[];
}

function read({ kind, children, gone = [], unread = [] }: Shown): { reading: ReadChildren; decoded: Map<string, Decoded> } {
  const entries = Object.entries(children);
  return {
    reading: {
      kind,
      gone,
      unread,
      read: new Map(entries.map(([name, { czxid, mzxid, version }]) => [name, { znode: { name, czxid, mzxid, version } }])),
    },
    decoded: new Map(entries.map(([name, { instance }]) => [name, says(instance)])),
  };
}

function diff(
  view: Record<string, ViewEntry>,
  shown: Shown,
  options = { confirmed: true } as { confirmed: boolean; restated?: Set<string> },
) {
  const { reading, decoded } = read(shown);
  return diffView(new Map(Object.entries(view)), reading, decoded, options);
}

const story = (events: readonly ServiceEvent[]): string[] =>
  events.map((event) =>
    'znode' in event ? `${event.type} ${event.instance} ${event.znode.name}@${event.znode.czxid}/${event.znode.mzxid}` : event.type,
  );

describe('the difference', () => {
  test('tells what is new, what changed and what went, by name', () => {
    const view = { a: entry(1, 1, 'A'), b: entry(2, 2, 'B'), c: entry(3, 3, 'C') };
    const found = diff(view, { kind: 'full', children: { d: entry(9, 9, 'D'), c: entry(3, 8, 'C'), a: entry(1, 1, 'A') } });
    expect(story(found.events)).toEqual(['deregistered B b@2/2', 'changed C c@3/8', 'registered D d@9/9']);
    expect([...found.set.keys()]).toEqual(['c', 'd']);
    expect(found.remove).toEqual(['b']);
  });

  test('of a znode made anew begins with the new one', () => {
    const found = diff({ a: entry(1, 5, 'A') }, { kind: 'delta', children: { a: entry(7, 7, 'A') } });
    expect(story(found.events)).toEqual(['registered A a@7/7', 'deregistered A a@1/5']);
    expect(found.remove).toEqual([]);
    expect(found.set.get('a')).toEqual(entry(7, 7, 'A'));
  });

  test('of a znode that names another instance begins with the other', () => {
    const found = diff({ a: entry(1, 1, 'A') }, { kind: 'delta', children: { a: entry(1, 4, 'Z') } });
    expect(story(found.events)).toEqual(['registered Z a@1/4', 'deregistered A a@1/1']);
  });

  test('tells what reads otherwise though its znode is the same, and leaves the view', () => {
    const found = diff(
      { a: entry(1, 1, 'A'), b: entry(2, 2, 'B') },
      { kind: 'full', children: { a: entry(1, 1, 'A'), b: entry(2, 2, 'B') } },
      { confirmed: true, restated: new Set(['a']) },
    );
    expect(story(found.events)).toEqual(['changed A a@1/1']);
    expect(found.set.size).toBe(0);
  });

  test('does not believe an absence that is not confirmed, and never that of what could not be read', () => {
    const view = { a: entry(1, 1, 'A'), b: entry(2, 2, 'B') };
    expect(diff(view, { kind: 'full', children: {} }, { confirmed: false })).toMatchObject({
      events: [],
      remove: [],
      unconfirmed: ['a', 'b'],
    });
    expect(diff(view, { kind: 'full', children: {}, unread: ['a', 'b'] })).toMatchObject({ events: [], remove: [], unconfirmed: [] });
    expect(diff(view, { kind: 'delta', children: {}, gone: ['b', 'never-seen'] })).toMatchObject({ remove: ['b'] });
  });

  test('carries a rejection as it is', () => {
    const { reading } = read({ kind: 'delta', children: { a: entry(1, 1, 'A') } });
    const rejection = { code: 'bad-data', detail: 'why' } as const;
    const found = diffView(new Map(), reading, new Map([['a', { ok: false, instance: 'A', rejection }]]), { confirmed: true });
    expect(found.events).toMatchObject([{ type: 'registered', said: { rejection } }]);
  });

  test('refuses a reading that was not decoded', () => {
    const { reading } = read({ kind: 'full', children: { a: entry(1, 1, 'A') } });
    expect(() => diffView(new Map([['a', entry(1, 1, 'A')]]), reading, new Map(), { confirmed: true })).toThrow();
  });
});

describe('for any view and any reading', () => {
  const names = fc.constantFrom('a', 'b', 'c', 'd', 'e', '__proto__', 'toString', 'é');
  const entries = fc
    .tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 0, max: 2 }), fc.constantFrom('A', 'B', 'C'))
    .map(([czxid, more, instance]) => entry(czxid, czxid + more, instance));
  const children = fc.array(fc.tuple(names, entries), { maxLength: 8 }).map((pairs) => new Map(pairs));

  function given(view: Map<string, ViewEntry>, kind: 'full' | 'delta', shown: Map<string, ViewEntry>, gone: string[], unread: string[]) {
    const reading: ReadChildren = {
      kind,
      gone,
      unread,
      read: new Map([...shown].map(([name, { czxid, mzxid, version }]) => [name, { znode: { name, czxid, mzxid, version } }])),
    };
    const decoded = new Map([...shown].map(([name, { instance }]) => [name, says(instance)]));
    // A znode that is the same says the same.
    for (const [name, { czxid, mzxid }] of shown) {
      const before = view.get(name);
      if (before?.czxid === czxid && before.mzxid === mzxid) decoded.set(name, says(before.instance));
    }
    return { reading, decoded };
  }

  function apply(view: Map<string, ViewEntry>, { set, remove }: { set: Map<string, ViewEntry>; remove: string[] }): Map<string, ViewEntry> {
    const after = new Map([...view, ...set]);
    for (const name of remove) after.delete(name);
    return after;
  }

  test('applying the difference gives the reading, and doing it twice changes nothing', () => {
    fc.assert(
      fc.property(children, children, (view, shown) => {
        const { reading, decoded } = given(view, 'full', shown, [], []);
        const after = apply(view, diffView(view, reading, decoded, { confirmed: true }));
        const expected = new Map([...shown].map(([name, value]) => [name, { ...value, instance: decoded.get(name)?.instance ?? '' }]));
        expect(new Map([...after].sort())).toEqual(new Map([...expected].sort()));
        const again = diffView(after, reading, decoded, { confirmed: true });
        expect([again.events, again.set.size, again.remove]).toEqual([[], 0, []]);
      }),
    );
  });

  test('deltas touch what they name and nothing else; what is not confirmed stays', () => {
    fc.assert(
      fc.property(children, children, fc.array(names), fc.boolean(), (view, shown, gone, confirmed) => {
        const { reading, decoded } = given(view, 'delta', shown, gone, []);
        const difference = diffView(view, reading, decoded, { confirmed });
        const after = apply(view, difference);
        for (const name of new Set([...view.keys(), ...shown.keys()])) {
          const expected = shown.get(name) ?? (gone.includes(name) && confirmed ? undefined : view.get(name));
          expect([after.get(name)?.czxid, after.get(name)?.mzxid]).toEqual([expected?.czxid, expected?.mzxid]);
        }
        expect(difference.unconfirmed.sort()).toEqual(
          confirmed ? [] : [...new Set(gone)].filter((name) => view.has(name) && !shown.has(name)).sort(),
        );
      }),
    );
  });

  test('the events alone say which znodes back which instance', () => {
    fc.assert(
      fc.property(children, children, (view, shown) => {
        const { reading, decoded } = given(view, 'full', shown, [], []);
        const difference = diffView(view, reading, decoded, { confirmed: true });
        const backed = (entries: Map<string, ViewEntry>): string[] =>
          [...entries].map(([name, { instance, czxid }]) => `${instance}<${name}@${czxid}`).sort();
        const told = new Set(backed(view));
        for (const event of difference.events) {
          if (event.type === 'registered') told.add(`${event.instance}<${event.znode.name}@${event.znode.czxid}`);
          if (event.type === 'deregistered') expect(told.delete(`${event.instance}<${event.znode.name}@${event.znode.czxid}`)).toBe(true);
          if (event.type === 'changed') expect(told.has(`${event.instance}<${event.znode.name}@${event.znode.czxid}`)).toBe(true);
        }
        expect([...told].sort()).toEqual(backed(apply(view, difference)));
        const order = difference.events.map((event) => ('znode' in event ? event.znode.name : ''));
        expect(order).toEqual([...order].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0)));
      }),
    );
  });
});

describe('what earlier versions did not read', () => {
  test.each([{ options: { backup: true } }, { weighed: true }] as const)('%j is told once of a znode that is as it was', (more) => {
    const view = { a: entry(1, 1, 'A'), b: entry(2, 2, 'B') };
    const { reading, decoded } = read({ kind: 'full', children: view });
    const known = decoded.get('a');
    if (known?.ok) decoded.set('a', { ...known, registration: { ...known.registration, ...more } });
    const first = diffView(new Map(Object.entries(view)), reading, decoded, { confirmed: true });
    expect(story(first.events)).toEqual(['changed A a@1/1']);
    const after = new Map([...Object.entries(view), ...first.set]);
    expect(diffView(after, reading, decoded, { confirmed: true }).events).toEqual([]);
  });
});
