/** Whose host names are asked for, and when: none waits for those of another service, nor for bad ones of its own. */
import { describe, expect, test } from 'vitest';
import { createLogger } from '../../shared/observability/logger.ts';
import { NameResolver } from '../../workers/watcher/name-resolver.ts';
import { ServiceNames } from '../../workers/watcher/service-names.ts';
import { until } from '../support/poll.ts';

const names = (prefix: string, count: number): string[] => Array.from({ length: count }, (_, index) => `${prefix}-${index}.internal`);

/** All that wait are asked for, each lookup for `ms`. Names that begin with `bad` cannot be resolved. */
function askAll(service: ServiceNames, at: number, ms: (host: string) => number): { asked: string[]; at: number } {
  const asked: string[] = [];
  let now = at;
  for (let host = service.next(now); host !== null; host = service.next(now)) {
    asked.push(host);
    now += ms(host);
    const failed = host.startsWith('bad');
    service.answered(host, failed ? service.last(host) : '10.0.0.1', { failed, now });
    service.over(now);
  }
  return { asked, at: now };
}

function wait(service: ServiceNames, hosts: readonly string[], now: number, insists = false): void {
  for (const host of hosts) void service.resolve(host, now, insists);
}

describe('the names of one service', () => {
  test('that failed are asked for more and more seldom, those that resolve at every full reading', () => {
    const service = new ServiceNames();
    const times = new Map<string, number[]>();
    for (let now = 0; now <= 1_800_000; now += 30_000) {
      wait(service, ['bad.internal', 'good.internal'], now);
      for (const host of askAll(service, now, () => 1).asked) times.set(host, [...(times.get(host) ?? []), now / 1_000]);
    }
    expect(times.get('good.internal')).toHaveLength(61);
    expect(times.get('bad.internal')).toEqual([0, 30, 90, 180, 360, 690, 1020, 1350, 1680]);
    // Whoever asks for another look is not put off with a failure of before.
    wait(service, ['bad.internal'], 1_800_000, true);
    expect(service.next(1_800_000)).toBe('bad.internal');
  });

  test('share the time: neither bad ones nor many new ones keep those waiting that resolve', () => {
    const service = new ServiceNames();
    const good = names('good', 20);
    wait(service, good, 0);
    askAll(service, 0, () => 5);
    wait(service, names('bad', 1_000), 20_000);
    const { at } = askAll(service, 20_000, () => 2_000);
    wait(service, [...names('bad', 1_000), ...names('new', 20), ...good], at);
    const { asked } = askAll(service, at, (host) => (host.startsWith('bad') ? 2_000 : 5));
    const place = (host: string): number => asked.indexOf(host);
    expect(Math.max(...good.map(place), ...names('new', 20).map(place))).toBeLessThan(50);
  });

  test('are of a bounded number, remembered and waiting', async () => {
    const service = new ServiceNames();
    wait(service, names('bad', 20_000), 0);
    expect(await service.resolve('late.internal', 0, false)).toBeNull();
    const { asked } = askAll(service, 0, () => 0);
    expect(asked).toHaveLength(20_000);
    wait(service, ['late.internal'], 0);
    expect(askAll(service, 0, () => 0).asked).toEqual(['late.internal']);
  });
});

describe('the names of several services', () => {
  test('are asked for in turn, one of each at once, and a lookup counts until it is over', async () => {
    const asked: string[] = [];
    const resolver = new NameResolver(createLogger({ level: 'silent' }), (host) => {
      asked.push(host);
      return host.startsWith('mute') ? new Promise(() => {}) : Promise.resolve(['10.0.0.1']);
    });
    const bad = names('mute', 1_000).map((host) => resolver.resolve('bad', host));
    const good = names('good', 20);
    expect(await Promise.all(good.map((host) => resolver.resolve('good', host)))).toEqual(good.map(() => '10.0.0.1'));
    expect(asked.filter((host) => host.startsWith('mute'))).toHaveLength(1);
    // Its deadline is over, while the system's resolver is still at it.
    expect(await bad[0]).toBeNull();
    expect(await resolver.resolve('good', 'another.internal')).toBe('10.0.0.1');
    expect(asked.filter((host) => host.startsWith('mute'))).toHaveLength(1);
  });

  test('go on when each of them fails', async () => {
    const resolver = new NameResolver(createLogger({ level: 'silent' }), async (host) => {
      throw new Error(`ENOTFOUND ${host}`);
    });
    const done = ['a', 'b', 'c', 'd'].flatMap((service) => names(service, 20).map((host) => resolver.resolve(service, host)));
    let all: readonly (string | null)[] = [];
    void Promise.all(done).then((found) => {
      all = found;
    });
    await until('all to be answered', () => all.length === 80);
    resolver.forget('a');
    expect(resolver.last('a', 'a-0.internal')).toBeNull();
  });
});
