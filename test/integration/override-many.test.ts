/** Many servers under way, and many set by hand, on a real HAProxy: what somebody set is left so all the same. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { OVERRIDES_MAX } from '../../shared/model/by-hand.ts';
import type { ServiceConfig } from '../../shared/model/service-config.ts';
import { inSync, looks, overrides, sent, servers } from '../support/by-hand-story.ts';
import { cleanupsAfterEach } from '../support/cleanups.ts';
import { Pipeline } from '../support/pipeline.ts';
import { until } from '../support/poll.ts';
import { serviceConfig } from '../support/service-events.ts';

const cleanups = cleanupsAfterEach();
const GUARD = { maxLoss: 1, window: 10_000, hold: 300_000 };
const FIRST = 20_000;

async function many(count: number): Promise<{ on: Pipeline; config: ServiceConfig; ports: number[] }> {
  const on = await Pipeline.start();
  cleanups.push(() => on.stop());
  const config = serviceConfig({ check: { type: 'none' }, drainTimeout: 60_000, guard: GUARD });
  const ports = Array.from({ length: count }, (_, index) => FIRST + index);
  await on.configure(config);
  await on.tell('web', ...ports.map((port) => on.registered(port)), { type: 'complete' });
  await until('all', async () => (await servers(on)).size === count, { timeoutMs: 30_000 });
  await inSync(on);
  return { on, config, ports };
}

async function setMaint(on: Pipeline, ports: readonly number[]): Promise<void> {
  for (let at = 0; at < ports.length; at += 200)
    await on.haproxy.cli(...ports.slice(at, at + 200).map((port) => `set server web/127.0.0.1:${port} state maint`));
}

async function inMaint(on: Pipeline): Promise<number> {
  return [...(await servers(on)).values()].filter(({ admin }) => admin === 'maint').length;
}

it('a server that somebody sets to maint while hundreds drain is left so', async () => {
  const { on, ports } = await many(310);
  const [mine = 0, ...others] = ports;
  await on.tell('web', ...others.slice(0, 300).map((port) => on.deregistered(port)));
  await until('the rest', async () => (await servers(on)).size === 10, { timeoutMs: 20_000 });
  await looks(on);
  const before = (await sent(on)).length;
  await setMaint(on, [mine]);
  await looks(on);
  expect((await servers(on)).get(`127.0.0.1:${mine}`)?.admin).toBe('maint');
  expect((await overrides(on)).map(({ server, admin }) => `${server} ${admin}`)).toEqual([`127.0.0.1:${mine} maint`]);
  expect((await sent(on)).slice(before)).toEqual([]);
}, 90_000);

it('of more servers than are kept none is put back, also by a reload and by news of them; it is said once', async () => {
  const { on, config, ports } = await many(OVERRIDES_MAX + 20);
  const count = OVERRIDES_MAX + 10;
  await setMaint(on, ports.slice(0, count));
  await looks(on);
  expect(await inMaint(on)).toBe(count);
  expect(await overrides(on)).toHaveLength(OVERRIDES_MAX);
  const text = (): Promise<string> => readFile(join(on.managed, 'service-web.cfg'), 'utf8');
  await until('the file', async () => (await text()).match(/ by-hand$/gm)?.length === count);
  // Other weights are news of each of them.
  await on.tell('web', ...ports.map((port) => on.registered(port, { weight: 7 })));
  await until('the weights', async () => [...(await servers(on)).values()].filter(({ weight }) => weight === 7).length >= 10);
  await inSync(on);
  expect(await inMaint(on)).toBe(count);
  const pid = await on.haproxy.workerPid();
  await on.configure({ ...config, timeouts: { ...config.timeouts, queue: 1_500 } });
  await until('another worker', async () => (await on.haproxy.workerPid()) !== pid, { timeoutMs: 20_000 });
  await looks(on);
  await inSync(on);
  expect(await inMaint(on)).toBe(count);
  const log = (await readFile(join(on.folder.path, 'pointsman.log'), 'utf8')).split('\n');
  expect(log.filter((line) => line.includes('more servers were changed by hand than are kept'))).toHaveLength(1);
}, 120_000);
