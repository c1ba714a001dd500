/** Several znodes of one instance: what counts of it follows from those that are there, whatever came and went before, and in whatever order. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ServiceEvent } from '../../shared/model/event.ts';
import type { Decoded } from '../../shared/model/registration.ts';
import { partsOf } from '../../shared/redis/view-parts.ts';
import { Backing } from '../../shared/znode/backing.ts';
import { diffView, type ViewDifference, type ViewEntry } from '../../shared/znode/view.ts';
import { runs } from '../support/property.ts';
import { registration, Story, serviceConfig } from '../support/service-events.ts';

const OPEN = serviceConfig({ guard: { maxLoss: 1, window: 10_000, hold: 300_000 } });

/** What a znode is given to say: a weight for an instance, `bad` data for it, or that it is gone. */
interface Write {
  readonly name: string;
  readonly port: number;
  readonly says: number | 'bad' | 'gone';
}

/** A registry, what its watcher knows, and what is folded of it. */
class Registry {
  readonly story = new Story(OPEN);
  readonly told: ServiceEvent[] = [];
  view = new Map<string, ViewEntry>();
  words = new Map<string, Decoded>();
  #zxid = 0;

  /** What is written is read at once, as one difference. */
  write(...writes: readonly Write[]): ViewDifference {
    const decoded = new Map<string, Decoded>();
    const read = new Map<string, { znode: { name: string; czxid: string; mzxid: string; version: number } }>();
    const gone = new Set<string>();
    for (const { name, port, says } of writes) {
      this.#zxid += 1;
      decoded.delete(name);
      read.delete(name);
      gone.delete(name);
      if (says === 'gone') {
        gone.add(name);
        continue;
      }
      const czxid = this.view.get(name)?.czxid ?? String(this.#zxid);
      read.set(name, { znode: { name, czxid, mzxid: String(this.#zxid), version: this.#zxid } });
      decoded.set(name, wordOf(port, says));
    }
    return this.#take({ kind: 'delta', read, gone: [...gone], unread: [] }, decoded);
  }

  /** It is read as it was. */
  read({ name, port, says }: Write): void {
    const { czxid, mzxid, version } = this.view.get(name) ?? { czxid: '', mzxid: '', version: 0 };
    const decoded = new Map(says === 'gone' ? [] : [[name, wordOf(port, says)]]);
    this.#take({ kind: 'delta', read: new Map([[name, { znode: { name, czxid, mzxid, version } }]]), gone: [], unread: [] }, decoded);
  }

  /** A watcher that knows nothing reads it all: Redis was lost. */
  readAnew(): Registry {
    const other = new Registry();
    const read = new Map([...this.view].map(([name, { czxid, mzxid, version }]) => [name, { znode: { name, czxid, mzxid, version } }]));
    other.#take({ kind: 'full', read, gone: [], unread: [] }, this.words);
    return other;
  }

  #take(reading: Parameters<typeof diffView>[1], decoded: ReadonlyMap<string, Decoded>): ViewDifference {
    const backing = new Backing(this.view);
    const words = { names: (id: string) => backing.names(id), said: (name: string) => this.words.get(name) ?? null };
    const difference = diffView(this.view, reading, decoded, { confirmed: true, words });
    for (const event of difference.events) this.story.tell(event);
    this.told.push(...difference.events);
    for (const [name, entry] of difference.set) this.view.set(name, entry);
    for (const name of difference.remove) this.view.delete(name);
    for (const [name, says] of decoded) this.words.set(name, says);
    for (const name of difference.remove) this.words.delete(name);
    return difference;
  }

  /** What counts of an instance: its weight, `bad`, or null when no znode backs it. */
  counts(port: number): number | 'bad' | null {
    const { znodes, offered, rejection } = this.story.at(port).context;
    if (Object.keys(znodes).length === 0) return null;
    return rejection === null ? (offered?.weight ?? null) : 'bad';
  }
}

function wordOf(port: number, says: number | 'bad'): Decoded {
  const instance = `10.0.0.1:${port}`;
  if (says === 'bad') return { ok: false, instance, rejection: { code: 'bad-weight', detail: 'no weight' } };
  return { ok: true, instance, registration: registration(port, { weight: says }) };
}

/** The same by the znodes alone: of those that can be read the one that was written last. */
function expected({ view, words }: Registry, port: number): number | 'bad' | null {
  const there = [...view]
    .filter(([, { instance }]) => instance === `10.0.0.1:${port}`)
    .sort(([, a], [, b]) => Number(b.mzxid) - Number(a.mzxid));
  const weights = there.flatMap(([name]) => {
    const says = words.get(name);
    return says?.ok ? [says.registration.weight] : [];
  });
  return weights[0] ?? (there.length > 0 ? 'bad' : null);
}

describe('what an instance of several znodes is', () => {
  it('after a bad one came and went: what the good one says', () => {
    const registry = new Registry();
    registry.write({ name: 'n1', port: 80, says: 5 });
    registry.write({ name: 'n2', port: 80, says: 'bad' });
    expect(registry.counts(80)).toBe(5);
    registry.write({ name: 'n2', port: 80, says: 'gone' });
    expect(registry.counts(80)).toBe(5);
  });

  it('after another one came and went: what the one that is left says', () => {
    const registry = new Registry();
    registry.write({ name: 'n1', port: 80, says: 5 });
    registry.write({ name: 'n3', port: 80, says: 100 });
    expect(registry.counts(80)).toBe(100);
    registry.write({ name: 'n3', port: 80, says: 'gone' });
    expect(registry.counts(80)).toBe(5);
    expect(registry.story.at(80).context.registration?.weight).toBe(5);
  });

  it.each([
    ['first', ['n4', 'n1']],
    ['last', ['n1', 'n4']],
  ])('with only a bad one left, which came %s: rejected, as long as it is there', (_when, order) => {
    const registry = new Registry();
    for (const name of order) registry.write({ name, port: 80, says: name === 'n1' ? 5 : 'bad' });
    registry.write({ name: 'n1', port: 80, says: 'gone' });
    expect(registry.counts(80)).toBe('bad');
    // As ever under bad data: the last good form stays in use, because a loss is for the guard to judge.
    expect(registry.story.at(80).context.registration?.weight).toBe(5);
    registry.write({ name: 'n4', port: 80, says: 'gone' });
    expect(registry.story.at(80).state).toBe('draining');
  });

  it('is told once where nothing is to be set right', () => {
    const registry = new Registry();
    registry.write({ name: 'n1', port: 80, says: 5 });
    registry.write({ name: 'n2', port: 80, says: 6 });
    registry.write({ name: 'n1', port: 81, says: 5 });
    expect(registry.told.map((event) => ('znode' in event ? `${event.type} ${event.instance} ${event.znode.name}` : ''))).toEqual([
      'registered 10.0.0.1:80 n1',
      'registered 10.0.0.1:80 n2',
      'registered 10.0.0.1:81 n1',
      'deregistered 10.0.0.1:80 n1',
      'changed 10.0.0.1:80 n2',
    ]);
  });

  it('follows from the znodes that are there', () => {
    const write = fc.record<Write>({
      name: fc.constantFrom('n1', 'n2', 'n3', 'n4'),
      port: fc.constantFrom(80, 80, 80, 81),
      says: fc.oneof(fc.integer({ min: 0, max: 256 }), fc.constantFrom('bad', 'gone', 'gone')),
    });
    const differences = fc.array(fc.array(write, { minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 20 });
    fc.assert(
      fc.property(differences, (all) => {
        const registry = new Registry();
        for (const writes of all) {
          registry.write(...writes);
          const anew = registry.readAnew();
          for (const port of [80, 81]) {
            expect(registry.counts(port)).toBe(expected(registry, port));
            expect(anew.counts(port)).toBe(registry.counts(port));
          }
        }
      }),
      runs(500),
    );
  });
});

describe('a znode of a path that is not read yet', () => {
  it.each([
    ['went', 'gone', 5],
    ['changed', 3, 3],
    ['came again as a bad one', 'bad', 5],
  ] as const)('has its word when it is read, where the other one %s meanwhile', (_when, says, counts) => {
    const registry = new Registry();
    registry.write({ name: 'b', port: 80, says: 5 }, { name: 'a', port: 80, says: 100 });
    // Another watcher, which has read the one path and not the other.
    registry.words.delete('b');
    registry.write({ name: 'a', port: 80, says });
    const told = registry.told.length;
    registry.read({ name: 'b', port: 80, says: 5 });
    expect(registry.counts(80)).toBe(counts);
    registry.read({ name: 'b', port: 80, says: 5 });
    const later = registry.told.slice(told).flatMap((event) => ('znode' in event ? [`${event.type} ${event.znode.name}`] : []));
    expect(later).toEqual(says === 3 ? ['changed b', 'changed a'] : ['changed b']);
  });
});

describe('a difference in several calls', () => {
  it('keeps together what is told of a znode and what is told again behind it', () => {
    const registry = new Registry();
    const ports = Array.from({ length: 800 }, (_, at) => 1_000 + at);
    const all = (name: string, says: Write['says']): Write[] => ports.map((port) => ({ name: `${name}${port}`, port, says }));
    registry.write(...all('a', 1), ...all('b', 2));
    const difference = registry.write(...all('b', 'gone'));
    const parts = partsOf(difference);
    expect(parts.length).toBeGreaterThan(2);
    for (const { events, remove } of parts) {
      expect(events.length).toBeLessThanOrEqual(1_000);
      const again = events.flatMap((event) => (event.type === 'changed' ? [event.znode.name.replace('a', 'b')] : []));
      expect(again).toEqual(remove);
    }
    expect(parts.flatMap(({ remove }) => remove)).toEqual(difference.remove);
    // Nobody is lost by it, so nothing is said of losses that come together.
    expect(parts.flatMap(({ events }) => events)).toEqual(difference.events);
  });

  it('loses none of what reads otherwise though its znode is the same', () => {
    const events = Array.from({ length: 1_200 }, (_, at): ServiceEvent => {
      const znode = { name: `h${at}:80`, czxid: '1', mzxid: '1', version: 0 };
      return { type: 'changed', instance: `h${at}:80`, znode, said: { registration: registration(80) } };
    });
    const set = new Map<string, ViewEntry>();
    const gone = Array.from({ length: 1_200 }, (_, at) => `g${at}`);
    const parts = partsOf({ set, remove: gone, events });
    expect(parts.flatMap((part) => part.events)).toEqual(events);
    expect(parts.flatMap((part) => part.remove)).toHaveLength(1_200);
  });
});
