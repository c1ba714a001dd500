/** HAProxy as a child of ours: started, started again, taken up after a crash of ours, and ended at stop, in time for the next pointsman. */
import { once } from 'node:events';
import { access, readFile, writeFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { syncManaged } from '../../shared/haproxy/managed-folder.ts';
import { masterProcesses } from '../../shared/haproxy/master.ts';
import { identify } from '../../shared/haproxy/observe.ts';
import { END_MS } from '../../shared/haproxy/process-end.ts';
import { isHaproxy } from '../../shared/haproxy/process-status.ts';
import { awaitWorker, reload } from '../../shared/haproxy/reload.ts';
import { managedFiles, proxyStamp } from '../../shared/haproxy/render-managed.ts';
import { withRuntime } from '../../shared/haproxy/runtime.ts';
import { masterSocketOf, reloadWayOf, Supervisor } from '../../shared/haproxy/supervise.ts';
import type { ProxyConfig } from '../../shared/model/proxy-config.ts';
import { createLogger } from '../../shared/observability/logger.ts';
import { type TempFolder, tempFolder } from '../support/folder.ts';
import { Pipeline } from '../support/pipeline.ts';
import { until } from '../support/poll.ts';
import { freePort } from '../support/port.ts';
import { startProcess } from '../support/process.ts';
import { proxyConfig, renderedServer, serviceConfig } from '../support/render-input.ts';

const logger = createLogger({ level: 'silent' });
let folder: TempFolder;
let managed: string;
let proxy: ProxyConfig;
let supervisors: Supervisor[];

beforeEach(async () => {
  folder = await tempFolder();
  managed = join(folder.path, 'managed');
  const runtime = { kind: 'unix', path: join(folder.path, 'runtime.sock') } as const;
  proxy = proxyConfig({ start: true, base: null, reload: null, managed, runtime });
  supervisors = [];
});
afterEach(async () => {
  await Promise.all(supervisors.map((supervisor) => supervisor.stop()));
  const pid = Number(await readFile(join(managed, 'haproxy.pid'), 'utf8').catch(() => '0'));
  if (await isHaproxy(pid, 'haproxy')) process.kill(pid, 'SIGKILL');
  await folder.remove();
});

async function write(...services: string[]): Promise<void> {
  await writeListening(null, ...services);
}

async function writeListening(listen: string | null, ...services: string[]): Promise<void> {
  const rendered = services.map((name) => ({ config: serviceConfig({ name, listen }), servers: [renderedServer(1, '127.0.0.1', {})] }));
  await syncManaged(managed, managedFiles({ prefix: 'test', proxy, services: rendered }));
}

async function supervise(differs: Partial<ProxyConfig> = {}): Promise<Supervisor> {
  const supervisor = new Supervisor({ ...proxy, ...differs }, logger);
  supervisors.push(supervisor);
  await supervisor.start();
  return supervisor;
}

/** The worker that answers now, which is not the one of `before`. */
async function worker(before: { pid: number; startTime: number; stamp: string | null } | null = null) {
  return (await awaitWorker({ runtime: proxy.runtime, before, stamp: proxyStamp('test', proxy), structures: null })).identity;
}

/** A client whose request never ends: a soft stop waits for it. */
async function clientThatStays(port: number): Promise<Socket> {
  const client = connect(port, '127.0.0.1').on('error', () => undefined);
  await once(client, 'connect');
  client.write('GET / HTTP/1.1\r\nHost: a\r\n');
  return client;
}

async function listens(port: number): Promise<boolean> {
  const client = connect(port, '127.0.0.1');
  try {
    await once(client, 'connect');
    return true;
  } finally {
    client.destroy();
  }
}

describe('a supervised HAProxy', () => {
  it('starts without any service or base file, and is reloaded by its master', async () => {
    await write();
    const supervisor = await supervise();
    expect(supervisor.error).toBeNull();
    const first = await worker();
    expect(Number(await readFile(join(managed, 'haproxy.pid'), 'utf8'))).toBe(supervisor.pid);
    await write('a');
    const way = reloadWayOf(proxy);
    expect(way).toEqual({ kind: 'master', socket: { kind: 'unix', path: join(managed, 'master.sock') } });
    if (way !== null) await reload(way, { binary: 'haproxy', base: null, managed, runtime: proxy.runtime });
    await worker(first);
    expect((await until('the master', () => masterProcesses(masterSocketOf(proxy)))).pid).toBe(supervisor.pid);
  });

  it('that is refused a reload says why, from what it printed', async () => {
    await write();
    await supervise();
    await writeFile(join(managed, 'service-a.cfg'), 'nonsense\n');
    const way = reloadWayOf(proxy);
    expect(way).not.toBeNull();
    if (way === null) return;
    await expect(reload(way, { binary: 'haproxy', base: null, managed, runtime: proxy.runtime })).rejects.toMatchObject({
      code: 'HAPROXY_RELOAD_FAILED',
      message: expect.stringContaining('nonsense'),
    });
  });

  it.each(['master', 'worker'] as const)('is started again when its %s is killed', async (victim) => {
    await write('a');
    const supervisor = await supervise();
    const before = { identity: await worker(), master: supervisor.pid };
    process.kill(victim === 'master' ? (before.master ?? 0) : before.identity.pid, 'SIGKILL');
    const after = await worker(before.identity);
    await until('the new master', () => supervisor.pid !== null && supervisor.pid !== before.master);
    await until('the old worker to end', async () => !(await isHaproxy(before.identity.pid, 'haproxy')));
    expect(after.pid).not.toBe(before.identity.pid);
  });

  it('is taken up, not started twice, by the next pointsman after a crash', async () => {
    await write('a');
    const script = join(folder.path, 'crash.ts');
    const shared = join(import.meta.dirname, '../../shared');
    await writeFile(
      script,
      `import { Supervisor } from '${shared}/haproxy/supervise.ts';
      import { createLogger } from '${shared}/observability/logger.ts';
      await new Supervisor(${JSON.stringify(proxy)}, createLogger({ level: 'silent' })).start();`,
    );
    const crashing = await startProcess(process.execPath, [script], { logFile: join(folder.path, 'crash.log') });
    const identity = await worker();
    crashing.kill('SIGKILL');
    await crashing.exited;
    expect(await worker()).toEqual(identity);

    const supervisor = await supervise();
    expect(await worker()).toEqual(identity);
    expect((await masterProcesses(masterSocketOf(proxy))).pid).toBe(supervisor.pid);
    process.kill(supervisor.pid ?? 0, 'SIGKILL');
    await worker(identity);
  });

  it('ends at stop, with its workers', async () => {
    await write('a');
    const supervisor = await supervise();
    const { pid } = await worker();
    const master = supervisor.pid ?? 0;
    await supervisor.stop();
    expect(await isHaproxy(master, 'haproxy')).toBe(false);
    expect(await isHaproxy(pid, 'haproxy')).toBe(false);
    await supervisor.stop();
  });

  it('is ended in bounded time when a worker does nothing any more', async () => {
    await write('a');
    const supervisor = await supervise();
    const { pid } = await worker();
    const master = supervisor.pid ?? 0;
    process.kill(pid, 'SIGSTOP');
    const asked = performance.now();
    await supervisor.stop();
    expect(performance.now() - asked).toBeLessThan(END_MS + 1_000);
    expect(await isHaproxy(master, 'haproxy')).toBe(false);
    expect(await isHaproxy(pid, 'haproxy')).toBe(false);
  });

  it('that is in soft stop is not taken up, but ended, and another one serves', async () => {
    const port = await freePort();
    await writeListening(`127.0.0.1:${port}`, 'a');
    const first = await supervise();
    const master = first.pid ?? 0;
    const client = await clientThatStays(port);
    process.kill(master, 'SIGUSR1');
    await until('the listener to be closed', async () => !(await listens(port).catch(() => false)));
    expect(await isHaproxy(master, 'haproxy')).toBe(true);
    const second = await supervise();
    expect(await isHaproxy(master, 'haproxy')).toBe(false);
    expect(second.pid).not.toBe(master);
    expect(await listens(port)).toBe(true);
    client.destroy();
  }, 30_000);

  it('that cannot start says why, and starts once it can', async () => {
    await write('a');
    await writeFile(join(managed, 'service-a.cfg'), 'nonsense\n');
    const supervisor = await supervise();
    expect(supervisor.error).toMatchObject({ code: 'HAPROXY_START_FAILED', message: expect.stringContaining('nonsense') });
    expect(supervisor.pid).toBeNull();
    await writeFile(join(managed, 'service-a.cfg'), '');
    await until('a start', () => supervisor.pid);
    expect(supervisor.error).toBeNull();
  });

  it('without a binary says so', async () => {
    await write();
    const supervisor = await supervise({ binary: '/nowhere/haproxy' });
    expect(supervisor.error).toMatchObject({ code: 'TOOL_MISSING' });
    await expect(access(join(managed, 'haproxy.pid'))).rejects.toThrow('ENOENT');
  });
});

it('a pointsman that stops while a client stays takes its HAProxy with it, and the next one listens within seconds', async () => {
  const pipeline = await Pipeline.start({
    roles: ['transition', 'reconciler'],
    managedBy: 'others',
    proxy: { start: true, base: null, reload: null },
  });
  try {
    const port = await freePort();
    await pipeline.configure(serviceConfig({ name: 'web', listen: `127.0.0.1:${port}` }));
    await until('the listener', () => listens(port), { timeoutMs: 20_000 });
    const { pid } = (await withRuntime(pipeline.proxy.runtime, identify)).identity;
    const client = await clientThatStays(port);
    await pipeline.app.stop();
    expect(await isHaproxy(pid, 'haproxy')).toBe(false);
    pipeline.app = pipeline.newApp(['transition', 'reconciler']);
    const started = pipeline.app.start();
    await until('the listener again', () => listens(port), { timeoutMs: 5_000 });
    await started;
    client.destroy();
  } finally {
    await pipeline.stop();
  }
}, 60_000);
