/** A service on a real HAProxy of which everything is as it should be, for tests of what somebody then sets on HAProxy by hand. */
import type { BackendSnapshot } from '../../machines/backend.ts';
import { observeBackends } from '../../shared/haproxy/observe.ts';
import { withRuntime } from '../../shared/haproxy/runtime.ts';
import { type Override, overrideText } from '../../shared/model/by-hand.ts';
import type { ObservedServer } from '../../shared/model/observed.ts';
import type { ServiceConfig } from '../../shared/model/service-config.ts';
import { startHttpServices } from './http-service.ts';
import { Pipeline } from './pipeline.ts';
import { until } from './poll.ts';
import { freePort } from './port.ts';
import { serviceConfig } from './service-events.ts';

export const ROLES = ['transition', 'reconciler', 'observer'] as const;
const GUARD = { maxLoss: 1, window: 10_000, hold: 300_000 };
export const QUICK = { type: 'http', method: 'GET', path: '/health', interval: 200, rise: 1, fall: 2 } as const;

export interface Story {
  readonly on: Pipeline;
  readonly config: ServiceConfig;
  /** Of the instances, in order. */
  readonly ports: readonly number[];
  readonly names: readonly string[];
}

/** `count` instances in rotation, and everything as it should be. `begin`: before anything is told. */
export async function begun(
  cleanups: (() => Promise<unknown>)[],
  count: number,
  options: Parameters<typeof Pipeline.start>[0] = {},
  changes: Partial<ServiceConfig> = {},
  begin: (on: Pipeline) => Promise<void> = async () => {},
): Promise<Story> {
  const [on, services] = await Promise.all([Pipeline.start(options), startHttpServices(count)]);
  cleanups.push(
    () => on.stop(),
    () => Promise.all(services.map((service) => service.stop())),
  );
  await begin(on);
  const config = serviceConfig({ check: QUICK, drainTimeout: 2_000, guard: GUARD, listen: `127.0.0.1:${await freePort()}`, ...changes });
  const ports = services.map(({ port }) => port);
  const names = ports.map((port) => `127.0.0.1:${port}`);
  await on.configure(config);
  await on.tell('web', ...ports.map((port) => on.registered(port, { weight: 10 })), { type: 'complete' });
  await until('all to serve', async () => [...(await servers(on)).values()].filter(isUp).length === count, { timeoutMs: 20_000 });
  await inSync(on);
  return { on, config, ports, names };
}

export function servers(on: Pipeline, backend = 'web'): Promise<Map<string, ObservedServer>> {
  return withRuntime(on.proxy.runtime, async (connection) => new Map((await observeBackends(connection)).get(backend)?.servers ?? []));
}

export function isUp(server: ObservedServer | undefined): boolean {
  return server !== undefined && server.admin === 'ready' && server.operation === 'running';
}

export async function inSync(on: Pipeline): Promise<void> {
  await until('in sync', async () => (await on.backendState('web')) === 'in-sync', { timeoutMs: 15_000 });
}

export async function overrides(on: Pipeline): Promise<readonly Override[]> {
  const json = await on.app.ports.proxies.backend('edge', 'web');
  return json === null ? [] : ((JSON.parse(json) as BackendSnapshot).context.looked?.overrides ?? []);
}

/** Resolves when just these are known, `server what`. */
export async function known(on: Pipeline, ...wanted: readonly string[]): Promise<void> {
  const expected = [...wanted].sort().join('; ');
  await until(
    `the overrides ${expected}`,
    async () => {
      const told = (await overrides(on)).map((one) => `${one.server} ${overrideText(one)}`).join('; ');
      if (told !== expected) throw new Error(`known are: ${told}`);
      return true;
    },
    { timeoutMs: 15_000 },
  );
}

/** Passes over everything, one after the other. */
export async function looks(on: Pipeline, count = 3): Promise<void> {
  const queue = on.app.ports.queues.queue('proxies.edge');
  const done = async (): Promise<number> => (await queue.getJobCounts('completed')).completed ?? 0;
  for (let look = 0; look < count; look += 1) {
    const before = await done();
    await on.app.ports.proxies.mark(['edge'], new Map([['web', 0]]));
    await on.app.ports.queues.wakeProxy('edge', 'edge', { why: 'again', time: Date.now() });
    await until('the look', async () => (await done()) > before && (await on.app.ports.proxies.dirty('edge')).size === 0);
  }
}

export async function sent(on: Pipeline): Promise<{ command: string; reason: string }[]> {
  const { redis, keys } = on.app.ports;
  const entries = await redis.xrange(keys.proxy('edge').log, '-', '+');
  return entries.flatMap(([, fields]) => {
    if (fields[fields.indexOf('type') + 1] !== 'patching') return [];
    return (JSON.parse(fields[fields.indexOf('data') + 1] ?? '{}') as { commands: { command: string; reason: string }[] }).commands;
  });
}
