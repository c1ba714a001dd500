/** Whose turn a reload is, and who is to blame for one that failed. */
import { describe, expect, it } from 'vitest';
import { PointsmanError } from '../../shared/errors.ts';
import { RETRY_REJECTED_MS, type Rejected } from '../../workers/reconciler/reload-request.ts';
import { blame, takeTurn } from '../../workers/reconciler/reload-turn.ts';

const now = 1_000_000;
const error = (message: string, code: PointsmanError['code'] = 'HAPROXY_RELOAD_FAILED') =>
  new PointsmanError(code, message, { hint: '', retry: 'transient' });
const all = new Map([
  ['a', 's1'],
  ['b', 's2'],
  ['c', 's3'],
]);
const defaults = { restamped: false, stamp: 'st', now };

function stored(services: ReadonlyMap<string, Rejected>, stamp?: Rejected): Record<string, string> {
  const fields = [...services].map(([service, rejected]) => [`rejected:${service}`, JSON.stringify(rejected)]);
  return { ...Object.fromEntries(fields), ...(stamp === undefined ? {} : { rejectedStamp: JSON.stringify(stamp) }) };
}

describe('after a joint failure', () => {
  it('services are tried one at a time, each no more than once a while', () => {
    const together = blame(error('the master went back'), all, defaults);
    expect(together.again).toBe(true);
    const rejected = new Map(together.services);
    const order: string[] = [];
    for (let reload = 0; reload < all.size; reload += 1) {
      const turn = takeTurn({ ...defaults, changed: all, state: stored(rejected) });
      expect(turn.tried.size).toBe(1);
      expect(turn.left).toBe(reload < all.size - 1);
      order.push(...turn.tried.keys());
      for (const [service, mine] of blame(error('again'), turn.tried, defaults).services) rejected.set(service, mine);
    }
    expect(order).toEqual(['a', 'b', 'c']);
    expect(takeTurn({ ...defaults, changed: all, state: stored(rejected) }).tried.size).toBe(0);
    expect(takeTurn({ ...defaults, now: now + RETRY_REJECTED_MS, changed: all, state: stored(rejected) }).tried.size).toBe(1);
  });

  it('a service that has not failed goes before them, and one with another structure has not failed', () => {
    const { services } = blame(error('the master went back'), all, defaults);
    const turn = takeTurn({ ...defaults, changed: new Map(all).set('b', 'other').set('d', 's4'), state: stored(services) });
    expect([...turn.tried.keys()].sort()).toEqual(['b', 'd']);
    expect([...turn.held.keys()].sort()).toEqual(['a', 'c']);
    expect(turn.left).toBe(true);
  });

  it('only those are blamed that HAProxy names', () => {
    const named = blame(error('Starting frontend b:in: cannot bind socket (Address already in use) [0.0.0.0:80]'), all, defaults);
    expect([...named.services.keys()]).toEqual(['b']);
    expect(named.services.get('b')?.nextTry).toBe(now + RETRY_REJECTED_MS);
    expect(named.again).toBe(true);
  });

  it('new defaults are tried first, by themselves; refused, they hold everything', () => {
    const restamped = { ...defaults, restamped: true };
    const { services, stamp } = blame(error('the master went back'), all, restamped);
    const turn = takeTurn({ ...restamped, changed: all, state: stored(services, stamp) });
    expect([turn.tried.size, turn.held.size, turn.left, turn.refused]).toEqual([0, 3, true, null]);
    const again = blame(error('again'), turn.tried, restamped);
    expect(again.again).toBe(false);
    expect(takeTurn({ ...restamped, changed: all, state: stored(services, again.stamp) }).refused?.message).toBe('again');
  });
});

describe('a reload that HAProxy never began', () => {
  it('waits, and is tried again with all together', () => {
    const { services, again } = blame(error('no binary', 'TOOL_MISSING'), all, defaults);
    expect(again).toBe(false);
    expect(takeTurn({ ...defaults, changed: all, state: stored(services) }).tried.size).toBe(0);
    expect(takeTurn({ ...defaults, now: now + RETRY_REJECTED_MS, changed: all, state: stored(services) }).tried.size).toBe(3);
  });
});
