/**
 * Reloads whose new worker does not stay, or does not come at all, in each way that HAProxy is run: the last good files are back before the next start,
 * the service that brought it about is blocked with the reason, and the others go on.
 */
import { access, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { identify, observeProxy } from '../../shared/haproxy/observe.ts';
import { isHaproxy } from '../../shared/haproxy/process-status.ts';
import { isGone, reload } from '../../shared/haproxy/reload.ts';
import { withRuntime } from '../../shared/haproxy/runtime.ts';
import type { ProxyConfig } from '../../shared/model/proxy-config.ts';
import { pause } from '../../shared/runtime/wait.ts';
import { cleanupsAfterEach } from '../support/cleanups.ts';
import { endDaemon } from '../support/daemon.ts';
import { TestHaproxy } from '../support/haproxy.ts';
import { HttpService } from '../support/http-service.ts';
import { Pipeline } from '../support/pipeline.ts';
import { until } from '../support/poll.ts';
import { freePort } from '../support/port.ts';
import { startProcess } from '../support/process.ts';
import { serviceConfig } from '../support/service-events.ts';

const cleanups = cleanupsAfterEach();
const LOOK_EVERY_MS = 5;

type Strike = (pid: number, on: Pipeline) => Promise<unknown> | boolean;
const killed: Strike = (pid) => process.kill(pid, 'SIGKILL');

/** As a fault that `haproxy -c` does not find: a worker that has service `bad` ends a moment after its start, or something else becomes of it. */
function fatal(on: Pipeline, strike: Strike): void {
  const over = new AbortController();
  const killing = (async () => {
    while (!over.signal.aborted) {
      const worker = await withRuntime(on.proxy.runtime, observeProxy).catch(() => null);
      if (worker?.structures.has('bad')) await strike(worker.identity.pid, on);
      await pause(LOOK_EVERY_MS, over.signal);
    }
  })();
  cleanups.push(() => {
    over.abort();
    return killing;
  });
}

interface Started {
  readonly on: Pipeline;
  /** Whether service web is served. */
  readonly answers: () => Promise<boolean>;
}

/** HAProxy, started by `run` or by pointsman, serves `web`. */
async function start(
  proxy: (on: string) => Partial<ProxyConfig>,
  run: (on: Pipeline) => Promise<unknown>,
  strike: Strike = killed,
): Promise<Started> {
  const on = await Pipeline.start({ managedBy: 'others', roles: [] });
  cleanups.push(() => on.stop());
  on.proxy = { ...on.proxy, ...proxy(on.folder.path) };
  await on.app.stop();
  on.app = on.newApp(['transition', 'reconciler', 'observer']);
  await on.app.start();
  fatal(on, strike);
  await until('the managed files', () => access(join(on.managed, '00-pointsman.cfg')).then(() => true));
  await run(on);
  const service = await HttpService.start();
  cleanups.push(() => service.stop());
  const port = await freePort();
  await on.configure(serviceConfig({ listen: `127.0.0.1:${port}`, check: { type: 'none' }, allow: LOOPBACK }));
  await on.tell('web', on.registered(service.port));
  const answers = () => fetch(`http://127.0.0.1:${port}/`, { headers: { connection: 'close' } }).then(({ status }) => status === 200);
  await until('web is served', answers, { timeoutMs: 20_000 });
  await until('web is in sync', async () => (await on.backendState('web')) === 'in-sync');
  return { on, answers };
}

const LOOPBACK = { cidrs: ['0.0.0.0/0', '::/0'], loopback: true, names: true };

function blockedReason(on: Pipeline): Promise<string> {
  return until(
    'bad is blocked',
    async () => {
      const { state, context } = JSON.parse((await on.app.ports.proxies.backend('edge', 'bad')) ?? 'null');
      return state === 'blocked' && (context.detail as string);
    },
    { timeoutMs: 20_000 },
  );
}

/** Configures it; resolves to the reason, and to the ms until the last good files were back. */
async function configureBad(on: Pipeline): Promise<{ reason: string; ms: number }> {
  const file = join(on.managed, 'service-bad.cfg');
  await on.configure(serviceConfig({ name: 'bad', path: '/services/bad/instances' }));
  await until('its file', () => access(file).then(() => true), { everyMs: 2 });
  const written = performance.now();
  await until(
    'its file to be gone',
    () =>
      access(file).then(
        () => false,
        () => true,
      ),
    { timeoutMs: 20_000, everyMs: 2 },
  );
  const ms = performance.now() - written;
  return { reason: await blockedReason(on), ms };
}

it('by the master: one that ends takes its master along; whoever starts HAProxy again starts it from the last good files', async ({
  annotate,
}) => {
  const { on, answers } = await start(
    () => ({}),
    (started) => started.haproxy.run(),
  );
  const { reason, ms } = await configureBad(on);
  await annotate(`the last good files were back ${Math.round(ms)} ms after the others were written`);
  expect(reason).toMatch(/ended at once|the master ended/);
  expect(ms).toBeLessThan(3_000);
  expect(await on.haproxy.ended(), 'HAProxy itself is gone').toBe(true);
  await on.haproxy.run();
  await until('web is served', answers);
  await until('web is in sync', async () => (await on.backendState('web')) === 'in-sync');
  const { lastReloadFailed, reloadsFailed } = await on.app.ports.proxies.state('edge');
  expect(lastReloadFailed).toContain('the reload failed');
  expect(reloadsFailed).toBe('1');
}, 60_000);

it('a HAProxy that pointsman started is started again from the last good files', async ({ annotate }) => {
  const { on, answers } = await start(
    () => ({ start: true, reload: null }),
    async (started) => until('HAProxy', () => withRuntime(started.proxy.runtime, identify)),
  );
  const { reason, ms } = await configureBad(on);
  await annotate(`the last good files were back ${Math.round(ms)} ms after the others were written`);
  expect(reason).toContain('the reload failed');
  expect(ms).toBeLessThan(3_000);
  await until('web is served', answers, { timeoutMs: 5_000 });
}, 60_000);

/** It runs as one process with a pid file. */
function startDaemon(strike?: Strike): Promise<Started> {
  return start(
    (folder) => ({ reload: { kind: 'pidFile', path: join(folder, 'haproxy.pid') } }),
    async (started) => {
      const { configFile, logFile } = started.haproxy;
      const pidFile = join(started.folder.path, 'haproxy.pid');
      const daemon = await startProcess('haproxy', ['-D', '-f', configFile, '-f', started.managed, '-p', pidFile], { logFile });
      cleanups.push(() => endDaemon(pidFile));
      cleanups.push(async () => {
        for (const pid of await haproxiesWith(configFile)) process.kill(pid, 'SIGKILL');
      });
      expect((await daemon.exited).code).toBe(0);
    },
    strike,
  );
}

it('with a pid file: it has taken the place of the old one, so another is started from the last good files', async ({ annotate }) => {
  const { on, answers } = await startDaemon();
  const { reason, ms } = await configureBad(on);
  await annotate(`the last good files were back ${Math.round(ms)} ms after the others were written`);
  expect(reason).toContain('ended at once');
  expect(ms).toBeLessThan(3_000);
  await until('web is served', answers, { timeoutMs: 5_000 });
  await until('web is in sync', async () => (await on.backendState('web')) === 'in-sync');
}, 60_000);

/** Every HAProxy that has this config file, by the kernel's own list. */
async function haproxiesWith(configFile: string): Promise<number[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  const found = await Promise.all(
    pids.map(async (pid) => {
      const words = (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).split('\0');
      return words.includes(configFile) && (await isHaproxy(pid, 'haproxy')) ? [pid] : [];
    }),
  );
  return found.flat();
}

it('with a pid file: no other is started beside one that lives and cannot be reached', async () => {
  // As systemd-tmpfiles, or a hand, might.
  const { on } = await startDaemon((_, { haproxy }) => rm(haproxy.runtime.path, { force: true }));
  await on.configure(serviceConfig({ name: 'bad', path: '/services/bad/instances' }));
  await until(
    'the reload to have failed',
    async () => {
      const jobs = await on.app.ports.queues.queue('reloads.edge').getJobs(['completed']);
      return jobs.some((job) => (job.returnvalue as { outcome: string }).outcome === 'failed');
    },
    { timeoutMs: 30_000 },
  );
  const named = (await readFile(join(on.folder.path, 'haproxy.pid'), 'utf8')).trim().split('\n').map(Number);
  await until('the old one has ended', async () => (await haproxiesWith(on.haproxy.configFile)).length <= 1);
  expect(await haproxiesWith(on.haproxy.configFile), 'the one that took over, and no other').toEqual(named);
}, 60_000);

it('one that hangs is not gone, nor while nobody connects because it hangs; one that has ended is', async () => {
  const haproxy = await TestHaproxy.start({ sections: '' });
  cleanups.push(() => haproxy.stop());
  const worker = await haproxy.workerPid();
  process.kill(worker, 'SIGSTOP');
  try {
    expect(await isGone(haproxy.runtime)).toBe(false);
    await expect(withRuntime(haproxy.runtime, identify)).rejects.toMatchObject({ code: 'HAPROXY_HUNG' });
  } finally {
    process.kill(worker, 'SIGCONT');
  }
  await until('it answers again', () => haproxy.workerPid());
  process.kill(haproxy.pid, 'SIGKILL');
  process.kill(worker, 'SIGKILL');
  expect(await isGone(haproxy.runtime)).toBe(true);
}, 60_000);

it('by a command that says that it reloaded, and did not: found out within 11 s, and web goes on', async ({ annotate }) => {
  const { on, answers } = await start(
    (folder) => ({ reload: { kind: 'command', argv: ['/bin/sh', join(folder, 'reload.sh')] } }),
    async (started) => {
      await started.haproxy.run();
      await writeFile(join(started.folder.path, 'reload.sh'), `kill -USR2 ${started.haproxy.pid}\n`);
    },
  );
  await writeFile(join(on.folder.path, 'reload.sh'), 'exit 0\n');
  const worker = await on.haproxy.workerPid();
  const { reason, ms } = await configureBad(on);
  await annotate(`the last good files were back ${Math.round(ms)} ms after the others were written`);
  expect(reason).toContain(`the old worker ${worker} still answers`);
  expect(ms).toBeLessThan(13_000);
  expect(await answers()).toBe(true);
  expect(await on.haproxy.workerPid()).toBe(worker);
}, 60_000);

it('a pid file of another HAProxy: that one is not ended, and ours is not reloaded', async () => {
  const other = await TestHaproxy.start({ sections: '' });
  cleanups.push(() => other.stop());
  const ours = await TestHaproxy.start({ sections: '' });
  cleanups.push(() => ours.stop());
  const pidFile = join(ours.folder.path, 'haproxy.pid');
  await writeFile(pidFile, `${other.pid}\n`);
  const input = { binary: 'haproxy', base: ours.configFile, managed: ours.folder.path, runtime: ours.runtime };
  const worker = await ours.workerPid();
  const failing = reload({ kind: 'pidFile', path: pidFile }, { ...input, worker });
  await expect(failing).rejects.toMatchObject({ code: 'HAPROXY_RELOAD_FAILED', message: expect.stringContaining("another HAProxy's") });
  expect(await isHaproxy(other.pid, 'haproxy')).toBe(true);
  expect((await withRuntime(other.runtime, identify)).stopping).toBe(false);
  expect(await ours.workerPid()).toBe(worker);
});
