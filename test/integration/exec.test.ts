/** `pointsman exec` around a real program, on a real Zookeeper: registered while it runs, out before it is told to end, and its exit code is ours. */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { cleanupsAfterEach } from '../support/cleanups.ts';
import { pointsman } from '../support/command.ts';
import { type ExecOptions, ExecProcess } from '../support/exec-process.ts';
import { zookeeperOfFile } from '../support/file-zookeeper.ts';
import { plainClient } from '../support/plain-client.ts';
import { until } from '../support/poll.ts';
import { freePort } from '../support/port.ts';
import { startZookeeper } from '../support/zookeeper.ts';

const cleanups = cleanupsAfterEach();
const zookeeper = zookeeperOfFile();

const CHECK = 'check: { http: GET /health, interval: 100ms, timeout: 5s, rise: 1, fall: 5 }';

async function running(name: string, options: Partial<ExecOptions> & { rest?: string } = {}) {
  const port = await freePort();
  const { rest = `, drain: 3s, ${CHECK}` } = options;
  const register = `  - { service: ${name}, path: /services/${name}, address: "127.0.0.1:${port}", by: service${rest} }`;
  const exec = await ExecProcess.start({ connect: zookeeper.connect, register, port, ...options });
  cleanups.push(() => exec.stop());
  // From then on it hears signals.
  await exec.pid();
  const path = `/services/${name}/127.0.0.1:${port}`;
  return { exec, path, port, isThere: () => zookeeper.hand.exists(path) };
}

async function parentOf(pid: number): Promise<number> {
  return Number(/^PPid:\s+(\d+)$/m.exec(await readFile(`/proc/${pid}/status`, 'utf8'))?.[1]);
}

function isRunning(pid: number): boolean {
  return existsSync(`/proc/${pid}`);
}

describe('a program', () => {
  it('is registered while it runs; SIGTERM withdraws it, drains it, and reaches it then', async () => {
    const { exec, path, isThere } = await running('ends');
    await until('the znode', isThere);
    const asked = Date.now();
    exec.process.kill('SIGTERM');
    await until('the withdrawal', async () => (await zookeeper.hand.data(path)) === '{"weight":0}');
    expect(await exec.process.exited).toEqual({ code: 7, signal: null });
    expect(await isThere()).toBe(false);
    const told = (await exec.notes()).find(([what]) => what === 'SIGTERM')?.[1] ?? 0;
    expect(told - asked).toBeGreaterThan(2_990);
  });

  it('that dies is gone at once, and its signal is our exit code', async () => {
    const { exec, isThere } = await running('dies', { rest: ', drain: 30s' });
    await until('the znode', isThere);
    const killed = performance.now();
    process.kill(await exec.pid(), 'SIGKILL');
    await until('the end of the znode', async () => !(await isThere()));
    expect(performance.now() - killed).toBeLessThan(2_000);
    expect(await exec.process.exited).toEqual({ code: 137, signal: null });
  });

  it('that dies while it drains is not waited for', async () => {
    const { exec, path, isThere } = await running('hasty', { rest: ', drain: 30s' });
    await until('the znode', isThere);
    exec.process.kill('SIGTERM');
    await until('the withdrawal', async () => (await zookeeper.hand.data(path)) === '{"weight":0}');
    process.kill(await exec.pid(), 'SIGKILL');
    expect(await exec.process.exited).toEqual({ code: 137, signal: null });
    expect(await isThere()).toBe(false);
  });

  it('gets other signals at once, and a second SIGTERM without the rest of the drain', async () => {
    const { exec, path, isThere } = await running('told', { rest: ', drain: 30s' });
    await until('the znode', isThere);
    exec.process.kill('SIGHUP');
    exec.process.kill('SIGUSR1');
    await until('both signals', async () => (await exec.notes()).filter(([what]) => /HUP|USR1/.test(what)).length === 2);
    expect(await zookeeper.hand.data(path)).toBe('');
    exec.process.kill('SIGTERM');
    await until('the withdrawal', async () => (await zookeeper.hand.data(path)) === '{"weight":0}');
    exec.process.kill('SIGTERM');
    expect(await exec.process.exited).toEqual({ code: 7, signal: null });
    expect(await isThere()).toBe(false);
  });

  it('gets a SIGINT that came to us alone when it is drained, also on a terminal', async () => {
    const { exec, path, isThere } = await running('typed', { terminal: true });
    await until('the znode', isThere);
    const asked = Date.now();
    process.kill(await parentOf(await exec.pid()), 'SIGINT');
    await until('the withdrawal', async () => (await zookeeper.hand.data(path)) === '{"weight":0}');
    expect(await exec.process.exited).toEqual({ code: 137, signal: null });
    const told = (await exec.notes()).find(([what]) => what === 'SIGINT')?.[1] ?? 0;
    expect(told - asked).toBeGreaterThan(2_990);
    expect(await isThere()).toBe(false);
  });

  it('gets a SIGTERM that came while it was started', async () => {
    // So that there is time to send it.
    const preload = `import cp from 'node:child_process'; import { syncBuiltinESMExports } from 'node:module';
      const { spawn } = cp;
      cp.spawn = (...all) => { const child = spawn(...all); Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 3_000); return child; };
      syncBuiltinESMExports();`;
    const { exec, isThere } = await running('early', { preload });
    const pid = await exec.pid();
    cleanups.push(async () => void (isRunning(pid) && process.kill(pid, 'SIGKILL')));
    exec.process.kill('SIGTERM');
    expect(await exec.process.exited).toEqual({ code: 7, signal: null });
    expect(isRunning(pid)).toBe(false);
    expect(await isThere()).toBe(false);
  });

  it('says what its entry allows, and no more', async () => {
    const rest = `, weight: 5, allow: { weight: 9, labels: [version] }, labels: { zone: a }, check: { tcp: true, interval: 100ms, rise: 1, fall: 1 }`;
    const { exec, path, isThere } = await running('says', {
      rest,
      options: ['--service', 'says', '--weight', '7', '--label', 'version=1=2'],
    });
    await until('the znode', isThere);
    expect(await zookeeper.hand.data(path)).toBe('{"weight":7,"labels":{"version":"1=2","zone":"a"}}');
    expect(await pointsman('exec', '--config', exec.configFile, '--weight', '10', '--', 'true')).toMatchObject({
      code: 2,
      err: expect.stringContaining('at most 9'),
    });
  });

  it('is taken out by `down`, and in again by `up`', async () => {
    const { exec, isThere } = await running('downs', { rest: ', drain: 0ms' });
    await until('the znode', isThere);
    expect(await pointsman('down', 'downs', '--config', exec.configFile)).toMatchObject({ code: 0, err: '' });
    expect(await isThere()).toBe(false);
    expect(exec.process.running).toBe(true);
    expect(await pointsman('up', 'downs', '--config', exec.configFile)).toMatchObject({ code: 0 });
    await until('the znode', isThere);
  }, 60_000);
});

describe('Zookeeper that is away', () => {
  it('keeps no program from its start, nor from its end; it is registered when Zookeeper is back', async () => {
    const own = await startZookeeper();
    cleanups.push(() => own.stop());
    await own.server.kill();
    const { exec, port } = await running('waits', { connect: own.connect, rest: ', drain: 30s' });
    await until('an answer', async () => (await fetch(`http://127.0.0.1:${port}/health`).catch(() => null))?.status === 200);
    await own.server.start();
    await own.server.ready();
    const client = await plainClient(own.connect);
    cleanups.push(() => client.close());
    await until('the znode', () => client.exists(`/services/waits/127.0.0.1:${port}`), { timeoutMs: 20_000 });
    await own.server.kill();
    await until('the loss to be known', async () => (await exec.log()).includes('disconnected from zookeeper'));
    const asked = performance.now();
    exec.process.kill('SIGTERM');
    expect(await exec.process.exited).toEqual({ code: 7, signal: null });
    expect(performance.now() - asked).toBeLessThan(10_000);
  }, 60_000);
});

describe('what cannot be started', () => {
  it('ends as in a shell, and registers nothing', async () => {
    const { exec } = await running('none');
    const codes: unknown[] = [];
    for (const argv of [['no-such-program'], ['/etc/passwd'], ['sh', '-c', 'exit 5'], ['sh', '-c', 'kill -TERM $$']])
      codes.push((await pointsman('exec', '--config', exec.configFile, '--', ...argv)).code);
    expect(codes).toEqual([127, 126, 5, 143]);
    const out = await pointsman('exec', '--config', exec.configFile, '--', 'sh', '-c', 'echo $1 $2', '-', '--config', '--help');
    expect(out.out).toBe('--config --help\n');
    expect(await pointsman('exec', '--config', exec.configFile, '--service', 'bank', '--', 'true')).toMatchObject({ code: 2 });
  }, 60_000);
});
