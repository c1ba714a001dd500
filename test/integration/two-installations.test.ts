/** Two installations of pointsman with prefixes of their own on one real HAProxy: neither touches what the other declared. */
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { BackendSnapshot } from '../../machines/backend.ts';
import { observeBackends } from '../../shared/haproxy/observe.ts';
import { withRuntime } from '../../shared/haproxy/runtime.ts';
import type { ProxyConfig } from '../../shared/model/proxy-config.ts';
import { createLogger } from '../../shared/observability/logger.ts';
import { App } from '../../workers/app.ts';
import { cleanupsAfterEach } from '../support/cleanups.ts';
import { configFile, pointsman } from '../support/command.ts';
import { Pipeline } from '../support/pipeline.ts';
import { until } from '../support/poll.ts';
import { freePort } from '../support/port.ts';
import { serviceConfig } from '../support/service-events.ts';

const cleanups = cleanupsAfterEach();
const ROLES = ['transition', 'reconciler', 'observer'] as const;
const BLOCKED = 'another pointsman installation (prefix test) declared it';

interface Other {
  readonly app: App;
  readonly managed: string;
  configure(service: string): Promise<void>;
  register(service: string, port: number): Promise<void>;
  standing(service: string): Promise<string>;
}

/** A second installation, with the prefix `other`, on the Redis and the HAProxy of the first. */
async function other(on: Pipeline, proxy: Partial<ProxyConfig> = {}): Promise<Other> {
  const managed = join(on.folder.path, 'other.d');
  const config = { ...on.config(), redis: { url: on.redis.url, prefix: 'other' }, proxies: [{ ...on.proxy, managed, ...proxy }] };
  const app = new App(config, ROLES, createLogger({ level: 'silent' }));
  await app.start();
  cleanups.push(() => app.stop());
  const { log, queues, proxies } = app.ports;
  const tell = async (service: string, ...events: Parameters<Pipeline['tell']>[1][]): Promise<void> => {
    const { revision } = await log.readView(service);
    await log.append(service, { epoch: 1, viewRevision: revision, set: new Map(), remove: [], events });
    await queues.wakeService(service, { why: 'test', time: Date.now() });
  };
  return {
    app,
    managed,
    configure: (service) => tell(service, { type: 'configured', config: plain(service) }, { type: 'complete' }),
    register: (service, port) => tell(service, on.registered(port)),
    standing: async (service) => {
      const json = await proxies.backend('edge', service);
      if (json === null) return 'nothing';
      const { state, context } = JSON.parse(json) as BackendSnapshot;
      return context.detail === null ? state : `${state}: ${context.detail}`;
    },
  };
}

function plain(name: string) {
  const guard = { maxLoss: 1, window: 10_000, hold: 300_000 };
  return serviceConfig({ name, path: `/services/${name}/instances`, check: { type: 'none' }, guard, drainTimeout: 500 });
}

async function servers(on: Pipeline, backend: string): Promise<string[]> {
  const backends = await withRuntime(on.proxy.runtime, observeBackends);
  return [...(backends.get(backend)?.servers.values() ?? [])].map(({ name, admin, weight }) => `${name} ${admin} ${weight}`).sort();
}

/** The first, in sync with one server. */
async function first(port: number, options: Parameters<typeof Pipeline.start>[0] = {}): Promise<Pipeline> {
  const on = await Pipeline.start(options);
  cleanups.push(() => on.stop());
  await on.configure(plain('web'));
  await on.tell('web', on.registered(port), { type: 'complete' });
  await until('the first', async () => (await servers(on, 'web')).length === 1 && (await on.backendState('web')) === 'in-sync', {
    timeoutMs: 20_000,
  });
  return on;
}

it('with a folder of its own that HAProxy was not started with, all of the second is blocked, and no reload is made for it', async () => {
  const [mine, theirs] = [await freePort(), await freePort()];
  const on = await first(mine);
  const pid = await on.haproxy.workerPid();
  const second = await other(on);
  await second.configure('web');
  await second.register('web', theirs);
  await second.configure('api');
  await until('web to be blocked', async () => (await second.standing('web')).startsWith(`blocked: ${BLOCKED}`));
  await until('api to be blocked', async () => (await second.standing('api')).startsWith(`blocked: ${BLOCKED}`));
  await second.app.ports.queues.wakeReload('edge', 'edge', 1, { why: 'test', time: Date.now() });
  const reloads = second.app.ports.queues.queue('reloads.edge');
  await until('the reload to be refused', async () => {
    const jobs = await reloads.getJobs(['completed']);
    return jobs.some((job) => ((job?.returnvalue as { detail?: string } | null)?.detail ?? '').startsWith(BLOCKED));
  });
  const file = await configFile(
    on.folder,
    on.yaml().replace('prefix: test', 'prefix: other').replace(on.managed, second.managed),
    'other.yaml',
  );
  expect((await pointsman('plan', '--config', file)).out).toContain(`blocked  # ${BLOCKED}`);
  expect(await on.haproxy.workerPid()).toBe(pid);
  expect(await servers(on, 'web')).toEqual([`127.0.0.1:${mine} ready 1`]);
  expect(await on.backendState('web')).toBe('in-sync');
  // What the first has is not the second's to tell of either.
  expect(await second.app.ports.log.verdicts('web', 'edge')).toEqual(new Map());
}, 60_000);

it('sharing the folder by mistake, the second changes no file of the first', async () => {
  const on = await first(await freePort());
  await until('the file', async () => (await on.app.ports.proxies.dirty('edge')).size === 0);
  const files = async (): Promise<string[]> =>
    Promise.all((await readdir(on.managed)).sort().map(async (name) => `${name}\n${await readFile(join(on.managed, name), 'utf8')}`));
  const before = await files();
  const second = await other(on, { managed: on.managed });
  await second.configure('web');
  await second.configure('api');
  await until('api to be blocked', async () => (await second.standing('api')).startsWith(`blocked: ${BLOCKED}`));
  await until('web to be blocked', async () => (await second.standing('web')).startsWith(`blocked: ${BLOCKED}`));
  expect(await files()).toEqual(before);
}, 60_000);

it('at runtime alone, the second works on what is its own or nobody else declared, and on nothing of the first', async () => {
  const [mine, theirs] = [await freePort(), await freePort()];
  const sections = `defaults base\n  mode http\n  timeout connect 1s\n  timeout client 1s\n  timeout server 1s\nbackend own\n  balance roundrobin\n`;
  const on = await first(mine, { sections });
  const second = await other(on, { runtimeOnly: true, managed: null, base: null, reload: null });
  await second.configure('web');
  await second.register('web', theirs);
  await second.configure('own');
  await second.register('own', theirs);
  await until('web to be blocked', async () => (await second.standing('web')) === `blocked: ${BLOCKED}`);
  await until('own to be served', async () => (await servers(on, 'own')).join() === `127.0.0.1:${theirs} ready 1`);
  expect(await servers(on, 'web')).toEqual([`127.0.0.1:${mine} ready 1`]);
  // Nor does the first one take away what the second has put into a backend that is not the first one's.
  expect(await on.backendState('own')).toBeNull();
}, 60_000);

it('both at runtime alone, a backend that the operator gave to the first is nothing of the second', async () => {
  const [mine, theirs] = [await freePort(), await freePort()];
  const alone = { runtimeOnly: true, managed: null, base: null, reload: null };
  const sections = `global
  setenv POINTSMAN_SERVICE_web ..test
defaults base
  mode http
  timeout connect 1s
  timeout client 1s
  timeout server 1s
frontend in
  bind 127.0.0.1:${await freePort()}
backend web
  balance roundrobin
backend own
  balance roundrobin
`;
  const on = await first(mine, { sections, proxy: alone, managed: false });
  const second = await other(on, alone);
  for (const service of ['web', 'own']) {
    await second.configure(service);
    await second.register(service, theirs);
  }
  await until('web to be blocked', async () => (await second.standing('web')) === `blocked: ${BLOCKED}`);
  await until('own to be served', async () => (await servers(on, 'own')).join() === `127.0.0.1:${theirs} ready 1`);
  expect(await servers(on, 'web')).toEqual([`127.0.0.1:${mine} ready 1`]);
  expect(await on.backendState('web')).toBe('in-sync');
}, 60_000);

it('a folder of service files of another installation beside ours: its backends are not ours, also when they have the name of a service', async () => {
  const [mine, theirs] = [await freePort(), await freePort()];
  const on = await Pipeline.start({ managedBy: 'others' });
  cleanups.push(() => on.stop());
  await until('our files', () => readFile(join(on.managed, '00-pointsman.cfg')));
  const beside = join(on.folder.path, 'pointsman.e');
  await mkdir(beside);
  const text = `# Managed by pointsman: written by it alone, edits are overwritten.
global
    setenv POINTSMAN_SERVICE_api abc.def.my.other-1
backend api from pointsman-http
    balance roundrobin
    server theirs 127.0.0.1:${theirs} id 5
`;
  await writeFile(join(beside, 'service-api.cfg'), text);
  await writeFile(join(beside, 'service-zed.cfg'), text.replaceAll('api', 'zed'));
  on.haproxy.alsoLoad(beside);
  await on.startHaproxy();
  await on.configure(plain('web'));
  await on.tell('web', on.registered(mine), { type: 'complete' });
  await on.configure(plain('api'));
  await on.tell('api', on.registered(mine), { type: 'complete' });
  await until('web to be served', async () => (await servers(on, 'web')).join() === `127.0.0.1:${mine} ready 1`, { timeoutMs: 20_000 });
  const json = await until('api to be blocked', async () => {
    const stored = await on.app.ports.proxies.backend('edge', 'api');
    return stored?.includes('"blocked"') === true && stored;
  });
  expect((JSON.parse(json) as BackendSnapshot).context.detail).toBe('another pointsman installation (prefix my.other-1) declared it');
  expect(await servers(on, 'api')).toEqual(['theirs ready 1']);
  // Nor do backends of which we know nothing stand in the way of a reload.
  const pid = await on.haproxy.workerPid();
  await on.configure({ ...plain('web'), timeouts: { ...plain('web').timeouts, queue: 1_500 } });
  await until('a reload', async () => (await on.haproxy.workerPid()) !== pid, { timeoutMs: 15_000 });
  expect(await servers(on, 'zed')).toEqual(['theirs ready 1']);
  expect(await readdir(on.managed)).not.toContain('service-api.cfg');
  expect(await readFile(join(beside, 'service-api.cfg'), 'utf8')).toBe(text);
}, 60_000);
