/** Connections to a real HAProxy: big replies, many lines, and all the ways in which one does not answer. */
import { existsSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { RuntimeConnection } from '../../shared/haproxy/connection.ts';
import { assertLiving, identify, observeBackend, observeBackends, observeProxy, observeSessions } from '../../shared/haproxy/observe.ts';
import { withRuntime } from '../../shared/haproxy/runtime.ts';
import { HTTP_DEFAULTS, TestHaproxy } from '../support/haproxy.ts';
import { versionOf } from '../support/haproxy-versions.ts';
import { until } from '../support/poll.ts';
import { freePort } from '../support/port.ts';

const SERVERS = 1_000;
let haproxy: TestHaproxy;
let tcpPort: number;

/** Called as its backend where HAProxy takes that, so that what is asked by name could meet the wrong one. */
const FRONTEND = Number(versionOf('haproxy')) < 3.3 ? 'big' : 'big:in';

beforeAll(async () => {
  tcpPort = await freePort();
  const lines = Array.from({ length: SERVERS }, (_, index) => `  server s${index} 127.0.0.1:${10_000 + index} id ${index + 1} disabled`);
  haproxy = await TestHaproxy.start({
    global: `  stats socket ipv4@127.0.0.1:${tcpPort} level admin
  setenv POINTSMAN_STAMP stamp-1
  setenv POINTSMAN_SERVICE_big structure-1
  setenv POINTSMAN_SERVICE_gone structure-2`,
    sections: `${HTTP_DEFAULTS}
frontend ${FRONTEND}
  bind 127.0.0.1:${await freePort()}
  default_backend big
backend big
  balance roundrobin
${lines.join('\n')}
backend empty
  balance roundrobin
`,
  });
});

afterAll(() => haproxy.stop());

describe('reading', () => {
  it('tells which process answers, and what it was loaded with', async () => {
    const proxy = await withRuntime(haproxy.runtime, observeProxy);
    expect(proxy).toMatchObject({ stopping: false, identity: { stamp: 'stamp-1' }, capabilities: { version: proxy.version } });
    expect(proxy.backends).toEqual(new Set(['big', 'empty']));
    // The variable of a removed service outlives its file: it counts for nothing without the backend.
    expect(proxy.structures).toEqual(new Map([['big', 'structure-1']]));
    expect(await haproxy.workerPid()).toBe(proxy.identity.pid);
    expect(proxy.identity.pid).not.toBe(haproxy.pid);
  });

  it('takes replies of 1,000 servers, over a unix and over a TCP socket, many in one go', async () => {
    for (const address of [haproxy.runtime, { kind: 'tcp', host: '127.0.0.1', port: tcpPort } as const]) {
      await withRuntime(address, async (connection) => {
        const backend = await observeBackend(connection, 'big');
        expect(backend?.structure).toBe('structure-1');
        expect(backend?.servers.size).toBe(SERVERS);
        expect(backend?.servers.get('s999')).toMatchObject({ id: 1_000, port: 10_999, admin: 'maint', check: 'none' });
        const all = await observeBackends(connection);
        expect(all.get('big')).toEqual(backend);
        expect(all.get('empty')).toEqual({ name: 'empty', structure: null, form: null, owner: null, servers: new Map() });
        expect((await observeSessions(connection, 'big'))?.size).toBe(SERVERS);
        const replies = await connection.send(
          Array.from({ length: 500 }, (_, index) => (index % 100 === 0 ? 'show servers state' : 'show version')),
        );
        expect(replies).toHaveLength(500);
        expect(replies.map((reply) => reply.length > 50_000)).toEqual(replies.map((_, index) => index % 100 === 0));
      });
    }
  });

  it('no such backend', async () => {
    await withRuntime(haproxy.runtime, async (connection) => {
      expect(await observeBackend(connection, 'nowhere')).toBeNull();
      expect(await observeSessions(connection, 'nowhere')).toBeNull();
      expect(await observeSessions(connection, 'empty')).toEqual(new Map());
    });
  });

  it('severities are on: an unknown command can be told from success', async () => {
    const [unknown, error] = await haproxy.cli('nonsense', 'set server big/nobody state ready');
    expect(unknown).toMatch(/^\[6\]: Unknown command/);
    expect(error).toMatch(/^\[3\]: No such server\./);
  });
});

describe('the living worker', () => {
  it('is that very process, in the same run of it', async () => {
    const connection = await haproxy.connect();
    try {
      const { identity } = await assertLiving(connection);
      await assertLiving(connection, identity);
      for (const other of [
        { ...identity, pid: identity.pid + 1 },
        { ...identity, startTime: identity.startTime + 1 },
        { ...identity, stamp: null },
      ]) {
        await expect(assertLiving(connection, other)).rejects.toMatchObject({ code: 'HAPROXY_NOT_LIVING_WORKER' });
      }
      await haproxy.reload();
      await expect(assertLiving(connection)).rejects.toMatchObject({ code: 'HAPROXY_NOT_LIVING_WORKER' });
      const fresh = await withRuntime(haproxy.runtime, identify);
      expect(fresh.stopping).toBe(false);
      expect(fresh.identity.pid).not.toBe(identity.pid);
    } finally {
      connection.close();
    }
  });
});

describe('no answer', () => {
  let server: Server | null = null;
  afterEach(() => {
    server?.close();
    server = null;
  });

  /** Something that listens on a socket in HAProxy's place. */
  async function impostor(
    name: string,
    answer: (write: (text: string) => void, end: () => void) => void,
  ): Promise<{ kind: 'unix'; path: string }> {
    const path = join(haproxy.folder.path, name);
    server = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.on('data', () =>
        answer(
          (text) => socket.write(text),
          () => socket.destroy(),
        ),
      );
    });
    server.listen(path);
    await until('the socket', () => existsSync(path));
    return { kind: 'unix', path };
  }

  it('no socket', async () => {
    const missing = { kind: 'unix', path: join(haproxy.folder.path, 'missing.sock') } as const;
    await expect(RuntimeConnection.open(missing)).rejects.toMatchObject({ code: 'HAPROXY_UNREACHABLE', retry: 'transient' });
    await expect(RuntimeConnection.open({ kind: 'tcp', host: '127.0.0.1', port: 1 })).rejects.toMatchObject({
      code: 'HAPROXY_UNREACHABLE',
    });
  });

  it('one that never answers: a stopped process, or all connections taken', async () => {
    const address = await impostor('silent.sock', () => undefined);
    const begun = performance.now();
    await expect(RuntimeConnection.open(address, 200)).rejects.toMatchObject({ code: 'HAPROXY_TIMEOUT' });
    expect(performance.now() - begun).toBeLessThan(1_500);
  });

  it('all connections of a real HAProxy taken', async () => {
    const taken: RuntimeConnection[] = [];
    try {
      // `stats maxconn 30`
      for (let index = 0; index < 30; index += 1) taken.push(await haproxy.connect());
      await expect(RuntimeConnection.open(haproxy.runtime, 300)).rejects.toMatchObject({ code: 'HAPROXY_TIMEOUT' });
    } finally {
      for (const connection of taken) connection.close();
    }
    await until('a connection to be free', async () => (await haproxy.cli('show version')).length === 1);
  });

  it('a stopped HAProxy on whose socket as many wait as the kernel lets', async () => {
    const worker = await haproxy.workerPid();
    const waiting: Socket[] = [];
    process.kill(worker, 'SIGSTOP');
    try {
      let full = false;
      while (!full && waiting.length < 10_000) {
        const socket = connect(haproxy.runtime.path);
        waiting.push(socket);
        full = await new Promise<boolean>((resolve) => {
          socket.once('connect', () => resolve(false));
          socket.once('error', (error: Error & { code?: string }) => resolve(error.code === 'EAGAIN'));
        });
      }
      expect(full).toBe(true);
      const begun = performance.now();
      await expect(RuntimeConnection.open(haproxy.runtime)).rejects.toMatchObject({
        code: 'HAPROXY_TIMEOUT',
        message: expect.stringContaining('none is taken'),
      });
      expect(performance.now() - begun).toBeLessThan(500);
    } finally {
      for (const socket of waiting) socket.destroy();
      process.kill(worker, 'SIGCONT');
    }
    await until('it to answer again', async () => (await haproxy.cli('show version')).length === 1, { timeoutMs: 20_000 });
  });

  it('one that falls silent half way: the answers until then are known, nothing is taken for an answer', async () => {
    let turn = 0;
    const address = await impostor('half.sock', (write) => {
      turn += 1;
      write(turn === 1 ? '\n> \n> ' : 'first\n\n> sec');
    });
    const connection = await RuntimeConnection.open(address);
    const seen: string[] = [];
    const sent = connection.send(['one', 'two'], { replyDeadlineMs: 200, onReply: (reply) => seen.push(reply) });
    await expect(sent).rejects.toMatchObject({ code: 'HAPROXY_TIMEOUT', message: expect.stringContaining('"two"') });
    expect(seen).toEqual(['first\n']);
    await expect(connection.send(['three'])).rejects.toMatchObject({ code: 'HAPROXY_TIMEOUT' });
  });

  it('one that closes half way', async () => {
    let turn = 0;
    const address = await impostor('closing.sock', (write, end) => {
      turn += 1;
      if (turn === 1) write('\n> \n> ');
      else end();
    });
    const connection = await RuntimeConnection.open(address);
    await expect(connection.send(['one'])).rejects.toMatchObject({ code: 'HAPROXY_UNREACHABLE' });
  });

  it('one that is no HAProxy', async () => {
    const address = await impostor('other.sock', (write) => write('hello\n> \n> '));
    await expect(RuntimeConnection.open(address)).rejects.toMatchObject({ code: 'HAPROXY_REPLY_UNEXPECTED' });
  });

  it('lines that would shift the replies are not sent', async () => {
    const connection = await haproxy.connect();
    try {
      for (const line of ['a;b', 'a\nb', 'a <<', '', 'x'.repeat(8_001)]) {
        expect(() => connection.send([line])).toThrow('assertion failed');
      }
      expect(await connection.send(['show version'])).toHaveLength(1);
    } finally {
      connection.close();
    }
  });
});
