/** Replies of a HAProxy with 10,000 servers, and of one that never stops: in bounded time and memory, however they are cut. */
import { createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { RuntimeConnection } from '../../shared/haproxy/connection.ts';
import { observeAll, observeBackend } from '../../shared/haproxy/observe.ts';
import { withRuntime } from '../../shared/haproxy/runtime.ts';
import type { RuntimeAddress } from '../../shared/model/proxy-config.ts';
import { CertificateAuthority } from '../support/certificates.ts';
import { HTTP_DEFAULTS, TestHaproxy } from '../support/haproxy.ts';
import { freePort } from '../support/port.ts';
import { RuntimeRelay } from '../support/runtime-relay.ts';

const SERVERS = 10_000;
const BACKENDS = 10;
/** ms. A quiet machine takes some 30 to 100. */
const READ_WITHIN_MS = 3_000;
const MB = 1024 * 1024;
/** What reading everything many times in a row may add to the process: some 0.8 MB each, of which nothing is kept. */
const GROWTH_MAX = 150 * MB;

let haproxy: TestHaproxy;
let authority: CertificateAuthority;
let ports: { tcp: number; tls: number };
let server: Server | null = null;

beforeAll(async () => {
  ports = { tcp: await freePort(), tls: await freePort() };
  haproxy = await TestHaproxy.prepare({ sections: '' });
  authority = await CertificateAuthority.make(haproxy.folder.path, 'large');
  const { pem } = await authority.sign('here', 'IP:127.0.0.1');
  const backends = Array.from({ length: BACKENDS }, (_, backend) => {
    const lines = Array.from(
      { length: SERVERS / BACKENDS },
      (_, index) =>
        `  server 10.${backend}.${index >> 8}.${index & 255}:8080 10.${backend}.${index >> 8}.${index & 255}:8080 id ${index + 1} disabled`,
    );
    return `backend b${backend}\n  balance roundrobin\n${lines.join('\n')}\n`;
  });
  await haproxy.configure({
    global: `  stats socket ipv4@127.0.0.1:${ports.tcp} level admin`,
    sections: `${HTTP_DEFAULTS}
listen runtime-tls
  mode tcp
  bind 127.0.0.1:${ports.tls} ssl crt ${pem}
  server cli unix@${haproxy.runtime.path}
${backends.join('')}`,
  });
  await haproxy.run();
});

afterAll(() => haproxy.stop());

afterEach(() => {
  server?.close();
  server = null;
});

function ways(): RuntimeAddress[] {
  const tls = { ca: authority.cert, cert: null, key: null, serverName: null };
  return [haproxy.runtime, { kind: 'tcp', host: '127.0.0.1', port: ports.tcp }, { kind: 'tls', host: '127.0.0.1', port: ports.tls, tls }];
}

it.each([0, 1, 2])('10,000 servers are read in bounded time (unix, tcp, TLS: %i)', async (way) => {
  const address = ways()[way] as RuntimeAddress;
  const begun = performance.now();
  const { backends } = await withRuntime(address, observeAll);
  const took = performance.now() - begun;
  expect([...backends.values()].reduce((sum, backend) => sum + backend.servers.size, 0)).toBe(SERVERS + 1);
  expect(took).toBeLessThan(READ_WITHIN_MS);
});

it('and again and again, without growing', async () => {
  const before = process.memoryUsage().rss;
  let most = 0;
  await withRuntime(haproxy.runtime, async (connection) => {
    for (let round = 0; round < 50; round += 1) {
      const [state = ''] = await connection.send(['show servers state']);
      expect(state.length).toBeGreaterThan(SERVERS * 50);
      most = Math.max(most, process.memoryUsage().rss);
    }
  });
  expect(most - before).toBeLessThan(GROWTH_MAX);
});

it('whatever pieces it comes in', async () => {
  const relay = await RuntimeRelay.start(() => haproxy.runtime.path);
  try {
    relay.pieceBytes = 37;
    const address = { kind: 'tcp', host: '127.0.0.1', port: relay.port } as const;
    const [whole, cut] = await Promise.all(
      [haproxy.runtime, address].map((one) => withRuntime(one, (connection) => observeBackend(connection, 'b3'))),
    );
    expect(cut).toEqual(whole);
    expect(cut?.servers.size).toBe(SERVERS / BACKENDS);
  } finally {
    relay.close();
  }
});

/** Answers the opening as HAProxy does, and everything else as `answer` says. */
async function impostor(answer: (socket: Socket) => void): Promise<RuntimeAddress> {
  const path = join(haproxy.folder.path, `impostor-${await freePort()}.sock`);
  const listening = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', () => {
      socket.write('\n> \n> ');
      socket.once('data', () => answer(socket));
    });
  });
  server = listening;
  await new Promise<void>((resolve) => listening.listen(path, resolve));
  return { kind: 'unix', path };
}

/** As fast as it is taken, until the other side is gone. */
function pour(socket: Socket, text: string): void {
  while (!socket.destroyed && socket.write(text));
  if (!socket.destroyed) socket.once('drain', () => pour(socket, text));
}

it('a reply that never ends is given up, before it fills the memory', async () => {
  const address = await impostor((socket) => pour(socket, `${'x'.repeat(65_535)}\n`));
  const before = process.memoryUsage().rss;
  const connection = await RuntimeConnection.open(address);
  await expect(connection.send(['show servers state'])).rejects.toMatchObject({
    code: 'HAPROXY_REPLY_UNEXPECTED',
    message: expect.stringContaining('more than'),
  });
  expect(process.memoryUsage().rss - before).toBeLessThan(400 * MB);
});

it('so are many that are too large together', async () => {
  const address = await impostor((socket) => pour(socket, `${'x'.repeat(1_000_000)}\n> `));
  const connection = await RuntimeConnection.open(address);
  const lines = Array.from({ length: 500 }, () => 'show servers state');
  let replies = 0;
  await expect(connection.send(lines, { onReply: () => (replies += 1) })).rejects.toMatchObject({ code: 'HAPROXY_REPLY_UNEXPECTED' });
  expect(replies).toBeLessThan(100);
});

it('one that comes a byte at a time is late all the same', async () => {
  let dripping: NodeJS.Timeout | undefined;
  const address = await impostor((socket) => {
    dripping = setInterval(() => socket.write('x'), 20);
  });
  try {
    const connection = await RuntimeConnection.open(address);
    const begun = performance.now();
    await expect(connection.send(['show info'], { replyDeadlineMs: 400 })).rejects.toMatchObject({ code: 'HAPROXY_TIMEOUT' });
    expect(performance.now() - begun).toBeLessThan(2_000);
  } finally {
    clearInterval(dripping);
  }
});
