/** A reload by each of the three ways, seen in the new worker; one that fails leaves the old worker at work. */

import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { listenersOf, probeListeners } from '../../shared/haproxy/bind-probe.ts';
import { readManaged, syncManaged } from '../../shared/haproxy/managed-folder.ts';
import { masterProcesses } from '../../shared/haproxy/master.ts';
import { observeBackend, observeProxy } from '../../shared/haproxy/observe.ts';
import { isHaproxy } from '../../shared/haproxy/process-status.ts';
import { awaitWorker, reload } from '../../shared/haproxy/reload.ts';
import { managedFiles, proxyStamp, serviceOfFile } from '../../shared/haproxy/render-managed.ts';
import { withRuntime } from '../../shared/haproxy/runtime.ts';
import type { ReloadWay } from '../../shared/model/proxy-config.ts';
import { type TempFolder, tempFolder } from '../support/folder.ts';
import { TestHaproxy } from '../support/haproxy.ts';
import { HttpService } from '../support/http-service.ts';
import { ManagedHaproxy, type ManagedService, structures } from '../support/managed-haproxy.ts';
import { until } from '../support/poll.ts';
import { freePort } from '../support/port.ts';
import { proxyConfig, renderedServer, serviceConfig } from '../support/render-input.ts';

let service: HttpService;
let port: number;
let before: ManagedService[];
let after: ManagedService[];

beforeEach(async () => {
  service = await HttpService.start();
  port = await freePort();
  const server = renderedServer(1, '127.0.0.1', { port: service.port });
  const inventory = { config: serviceConfig({ check: { type: 'none' }, listen: `127.0.0.1:${port}` }), servers: [server] };
  const orders = { config: serviceConfig({ name: 'orders', check: { type: 'none' } }), servers: [server] };
  before = [inventory];
  after = [inventory, orders];
});
afterEach(() => service.stop());

async function answers(): Promise<boolean> {
  return (await fetch(`http://127.0.0.1:${port}/`, { headers: { connection: 'close' } })).status === 200;
}

describe('with a HAProxy that somebody else runs as master and workers', () => {
  let running: ManagedHaproxy;

  beforeEach(async () => {
    running = await ManagedHaproxy.start(before);
  });
  afterEach(() => running.stop());

  async function reloaded(way: ReloadWay): Promise<void> {
    const old = (await running.observe()).identity;
    expect(old.stamp).toBe(running.stamp);
    await syncManaged(running.managed, running.files(after));
    await reload(way, running.reloadInput);
    const worker = await awaitWorker({ runtime: running.proxy.runtime, before: old, stamp: running.stamp, structures: structures(after) });
    expect(worker.identity.pid).not.toBe(old.pid);
    expect(worker.structures).toEqual(structures(after));
    expect(await answers()).toBe(true);
    const master = await until('the master to be back', () => masterProcesses(running.haproxy.master));
    expect(master).toMatchObject({ reloads: 1, failed: 0, workers: [worker.identity.pid] });
  }

  it("by the master's CLI", () => reloaded({ kind: 'master', socket: running.haproxy.master }));

  it("by the master's CLI while a reload of somebody else is under way", async () => {
    const many = Array.from({ length: 5_000 }, (_, index) => renderedServer(index + 1, `10.0.${index >> 8}.${index & 255}`, {}));
    const large = { config: serviceConfig({ name: 'large', check: { type: 'none' } }), servers: many };
    await syncManaged(running.managed, running.files([...before, large]));
    process.kill(running.haproxy.pid, 'SIGUSR2');
    // The master has executed itself again, and from 3.1 on its new worker is still reading.
    await until('the other reload', async () => (await masterProcesses(running.haproxy.master)).reloads === 1);
    await reload({ kind: 'master', socket: running.haproxy.master }, running.reloadInput);
    expect(await until('the master to be back', () => masterProcesses(running.haproxy.master))).toMatchObject({ reloads: 2, failed: 0 });
  });

  it('by a command', () =>
    reloaded({ kind: 'command', argv: [process.execPath, '-e', `process.kill(${running.haproxy.pid}, 'SIGUSR2')`] }));

  it('by a command that leaves a process with our output behind, which is not waited for', async () => {
    const script = join(running.haproxy.folder.path, 'reload.sh');
    await writeFile(script, `kill -USR2 ${running.haproxy.pid}\nsleep 30 &\necho $! > ${script}.pid\n`);
    const started = performance.now();
    await reloaded({ kind: 'command', argv: ['sh', script] });
    expect(performance.now() - started).toBeLessThan(20_000);
    process.kill(Number(await readFile(`${script}.pid`, 'utf8')));
  });

  it('by a command that fails: its words are the reason, and nothing has changed', async () => {
    const old = (await running.observe()).identity;
    const failing = reload({ kind: 'command', argv: ['sh', '-c', 'echo no such unit >&2; exit 5'] }, running.reloadInput);
    await expect(failing).rejects.toMatchObject({ code: 'HAPROXY_RELOAD_FAILED', message: expect.stringMatching(/code 5\nno such unit/) });
    expect((await running.observe()).identity).toEqual(old);
  });

  it('by a command that hangs: it is killed at the deadline', async () => {
    const hanging = reload({ kind: 'command', argv: ['sleep', '60'] }, { ...running.reloadInput, deadlineMs: 200 });
    await expect(hanging).rejects.toMatchObject({ code: 'HAPROXY_RELOAD_FAILED', message: expect.stringContaining('killed') });
  });

  it('by a command that does not exist', async () => {
    await expect(reload({ kind: 'command', argv: ['/nowhere/ctl'] }, running.reloadInput)).rejects.toMatchObject({ code: 'TOOL_MISSING' });
  });

  it('a file that HAProxy refuses leaves the old worker at work, and the next good reload is a good one', async () => {
    const old = (await running.observe()).identity;
    const way: ReloadWay = { kind: 'master', socket: running.haproxy.master };
    await syncManaged(running.managed, new Map([...running.files(after)].map(([name, text]) => [name, `${text}nonsense\n`])));
    await expect(reload(way, running.reloadInput)).rejects.toMatchObject({ code: 'HAPROXY_RELOAD_FAILED' });
    expect((await running.observe()).identity).toEqual(old);
    expect(await answers()).toBe(true);
    await syncManaged(running.managed, running.files(after));
    await reload(way, running.reloadInput);
    await awaitWorker({ runtime: running.proxy.runtime, before: old, stamp: running.stamp, structures: structures(after) });
  });

  it('a listener that cannot be bound leaves the old worker at work', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const { port: busy } = taken.address() as { port: number };
    const old = (await running.observe()).identity;
    const clash = { config: serviceConfig({ name: 'clash', listen: `127.0.0.1:${busy}` }), servers: [] };
    await syncManaged(running.managed, running.files([...before, clash]));
    const failing = reload({ kind: 'master', socket: running.haproxy.master }, running.reloadInput);
    await expect(failing).rejects.toMatchObject({ code: 'HAPROXY_RELOAD_FAILED' });
    taken.close();
    await until('the old worker to serve again', answers);
    expect((await running.observe()).identity).toEqual(old);
  });

  it('no new worker, or one with other structures, is a failure', async () => {
    const old = (await running.observe()).identity;
    const waiting = { runtime: running.proxy.runtime, stamp: running.stamp, structures: null, deadlineMs: 300 };
    await expect(awaitWorker({ ...waiting, before: old })).rejects.toMatchObject({ code: 'HAPROXY_RELOAD_FAILED' });
    await expect(awaitWorker({ ...waiting, before: null, structures: structures(after) })).rejects.toMatchObject({
      code: 'HAPROXY_RELOAD_FAILED',
    });
    await expect(awaitWorker({ ...waiting, before: null, stamp: 'test/other/1' })).rejects.toMatchObject({ code: 'HAPROXY_NOT_MANAGED' });
    expect((await awaitWorker({ ...waiting, before: null })).identity).toEqual(old);
  });

  it('a service gone from the files is gone from HAProxy, whatever its environment still says', async () => {
    const way: ReloadWay = { kind: 'master', socket: running.haproxy.master };
    const old = (await running.observe()).identity;
    await syncManaged(running.managed, running.files([]));
    await reload(way, running.reloadInput);
    const worker = await awaitWorker({ runtime: running.proxy.runtime, before: old, stamp: running.stamp, structures: new Map() });
    expect(worker.structures.size).toBe(0);
  });

  it('a HAProxy started from the files has every server as desired: nothing to add, to delete or to reload', async () => {
    const servers = [
      renderedServer(3, '127.0.0.3', { weight: 7 }),
      renderedServer(1, '127.0.0.1', { up: false, weight: 256 }),
      renderedServer(2, '::1', { port: 1 }),
      renderedServer(4, '127.0.0.4', { draining: true }),
    ];
    const services = [{ config: serviceConfig({ name: 'many' }), servers }];
    await syncManaged(running.managed, running.files(services));
    await reload({ kind: 'master', socket: running.haproxy.master }, running.reloadInput);
    await awaitWorker({ runtime: running.proxy.runtime, before: null, stamp: running.stamp, structures: structures(services) });
    const backend = await withRuntime(running.haproxy.runtime, (connection) => observeBackend(connection, 'many'));
    expect(backend?.structure).toBe(structures(services).get('many'));
    const seen = [...(backend?.servers.values() ?? [])].map(({ id, name, address, port, weight, admin }) => ({
      id,
      name,
      address,
      port,
      weight,
      admin,
    }));
    expect(seen.sort((a, b) => a.id - b.id)).toEqual([
      { id: 1, name: 's1', address: '127.0.0.1', port: 8080, weight: 256, admin: 'maint' },
      { id: 2, name: 's2', address: '::1', port: 1, weight: 1, admin: 'ready' },
      { id: 3, name: 's3', address: '127.0.0.3', port: 8080, weight: 7, admin: 'ready' },
    ]);
  });
});

describe('with a HAProxy that runs as one process with a pid file', () => {
  let folder: TempFolder;
  let pidFile: string;
  let managed: string;

  beforeEach(async () => {
    folder = await tempFolder();
    pidFile = join(folder.path, 'haproxy.pid');
    managed = join(folder.path, 'managed');
  });
  afterEach(async () => {
    const pid = Number(await readFile(pidFile, 'utf8'));
    if (await isHaproxy(pid, 'haproxy')) process.kill(pid, 'SIGKILL');
    await folder.remove();
  });

  it.each(['expose-fd listeners', ''])('by -sf, its socket with %j', async (expose) => {
    const runtime = { kind: 'unix', path: join(folder.path, 'admin.sock') } as const;
    const base = join(folder.path, 'haproxy.cfg');
    await writeFile(base, `global\n  stats socket ${runtime.path} mode 600 level admin ${expose}\n`);
    const proxy = proxyConfig({ runtime, base, managed });
    const stamp = proxyStamp('test', proxy);
    await syncManaged(managed, managedFiles({ prefix: 'test', proxy, services: before }));
    const input = { binary: 'haproxy', base, managed, runtime };
    const way: ReloadWay = { kind: 'pidFile', path: pidFile };

    await writeFile(pidFile, `${process.pid}\n`);
    await expect(reload(way, input), 'a pid that is no HAProxy is not signalled').rejects.toMatchObject({
      code: 'HAPROXY_RELOAD_FAILED',
      message: expect.stringContaining('no HAProxy'),
    });

    await reload({ kind: 'command', argv: ['haproxy', '-D', '-f', base, '-f', managed, '-p', pidFile] }, input);
    const old = (await awaitWorker({ runtime, before: null, stamp, structures: structures(before) })).identity;
    expect(await answers()).toBe(true);

    await syncManaged(managed, managedFiles({ prefix: 'test', proxy, services: after }));
    await reload(way, input);
    const worker = await awaitWorker({ runtime, before: old, stamp, structures: structures(after) });
    expect(Number(await readFile(pidFile, 'utf8'))).toBe(worker.identity.pid);
    expect(await answers()).toBe(true);
    await until('the old process to end', async () => !(await isHaproxy(old.pid, 'haproxy')));

    await writeFile(join(managed, 'service-orders.cfg'), 'nonsense\n');
    await expect(reload(way, input)).rejects.toMatchObject({ code: 'HAPROXY_RELOAD_FAILED', message: expect.stringContaining('nonsense') });
    expect((await withRuntime(runtime, observeProxy)).identity).toEqual(worker.identity);
    expect(await answers()).toBe(true);
  });
});

describe('a new listener', () => {
  it('on a port that a process has is refused, and on a free one is not', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const { port: busy } = taken.address() as { port: number };
    const wanted = new Map([
      ['a', `127.0.0.1:${busy}`],
      ['b', `127.0.0.1:${port}`],
      ['c', `*:${busy}`],
      ['d', '192.0.2.1:80'],
    ]);
    const faults = await probeListeners(wanted, new Map());
    taken.close();
    expect([...faults.keys()]).toEqual(['a', 'c', 'd']);
    expect(faults.get('a')).toBe(`cannot listen on 127.0.0.1:${busy}: another process listens there already`);
    expect(faults.get('d')).toContain('no interface');
    wanted.delete('c');
    expect(await probeListeners(wanted, new Map()), 'once it is free').toEqual(new Map([['d', faults.get('d')]]));
  });

  it('on a port that another HAProxy of the same user has is refused, though that HAProxy would share it', async () => {
    const other = await TestHaproxy.start({
      sections: `defaults\n  mode http\n  timeout client 1s\nfrontend x\n  bind 127.0.0.1:${port}\n`,
    });
    try {
      const faults = await probeListeners(new Map([['a', `127.0.0.1:${port}`]]), new Map());
      expect(faults.get('a')).toContain('another process');
    } finally {
      await other.stop();
    }
  });

  it('that the running HAProxy has by our own files is not probed, nor one that overlaps it', async () => {
    const running = await ManagedHaproxy.start(before);
    try {
      const held = listenersOf((await readManaged(running.managed)).ours, serviceOfFile);
      expect(held).toEqual(new Map([['inventory_service', `127.0.0.1:${port}`]]));
      expect(await probeListeners(new Map([['inventory_service', `127.0.0.1:${port}`]]), held)).toEqual(new Map());
      expect(await probeListeners(new Map([['inventory_service', `0.0.0.0:${port}`]]), held)).toEqual(new Map());
      const stolen = await probeListeners(new Map([['a', `127.0.0.1:${port}`]]), held);
      expect(stolen.get('a')).toContain('service inventory_service listens there');
      const other = `127.0.0.1:${await freePort()}`;
      expect(
        await probeListeners(
          new Map([
            ['a', `127.0.0.1:${port}`],
            ['inventory_service', other],
          ]),
          held,
        ),
        'given up and taken over',
      ).toEqual(new Map());
      const both = await probeListeners(
        new Map([
          ['a', other],
          ['b', other],
        ]),
        held,
      );
      expect([...both.keys()]).toEqual(['b']);
    } finally {
      await running.stop();
    }
  });
});
