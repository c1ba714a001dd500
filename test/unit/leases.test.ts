/** How long a request counts: not longer, and not shorter because this process could not listen meanwhile. */
import { expect, it } from 'vitest';
import { readAsk } from '../../workers/registrar/ask.ts';
import { type Lease, Leases } from '../../workers/registrar/leases.ts';
import { until } from '../support/poll.ts';

function leaseOf(service: string, ttl: number, query = {}): Lease {
  return { ask: readAsk({ service, ...query }), instance: '10.0.0.5:8080', ttl, without: [] };
}

it('each ends when its own time is over, and not when it was renewed', async () => {
  const over: string[] = [];
  const begun = performance.now();
  const ends = new Map<string, number>();
  const leases = new Leases((all) => {
    for (const { ask } of all) {
      over.push(ask.service);
      ends.set(ask.service, performance.now() - begun);
    }
  });
  for (const [service, ttl] of [
    ['c', 900],
    ['a', 300],
    ['b', 600],
  ] as const)
    expect(leases.renew(leaseOf(service, ttl))).toBe(true);
  expect(leases.renew(leaseOf('a', 800))).toBe(true);
  expect(leases.renew(leaseOf('b', 600, { weight: 2 }))).toBe(true);
  expect(leases.renew(leaseOf('b', 600, { weight: 2 }))).toBe(false);
  await until('all to be over', () => over.length === 3);
  expect(over).toEqual(['b', 'a', 'c']);
  expect(ends.get('b')).toBeGreaterThanOrEqual(599);
  expect(leases.all).toEqual([]);
});

it('time in which nobody could be heard does not count', async () => {
  const over: string[] = [];
  const leases = new Leases((all) => over.push(...all.map(({ ask }) => ask.service)));
  leases.renew(leaseOf('a', 700));
  // As a process that is stopped, or a host that is suspended.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1_500);
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(over).toEqual([]);
  const heard = performance.now();
  await until('its end', () => over.length === 1);
  expect(performance.now() - heard).toBeGreaterThan(600);
});

it('a service that died goes also where time is lost again and again', async () => {
  const over: string[] = [];
  const leases = new Leases((all) => over.push(...all.map(({ ask }) => ask.service)));
  const begun = performance.now();
  leases.renew(leaseOf('dead', 300));
  leases.renew(leaseOf('lives', 300));
  // As on a host that has too much to do: this process runs for a moment, and then not.
  for (let turns = 0; turns < 4; turns += 1) {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 900);
    await new Promise((resolve) => setTimeout(resolve, 20));
    leases.renew(leaseOf('lives', 300));
  }
  expect(performance.now() - begun).toBeGreaterThan(3_600);
  expect(over).toEqual(['dead']);
  leases.close();
});
