/** Each kind of health check against a real server of its kind, well and ill, and against what is not there. */
import { once } from 'node:events';
import { createServer as createHttp2Server, type Http2Server, type ServerHttp2Stream } from 'node:http2';
import { type AddressInfo, createServer } from 'node:net';
import { describe, expect, it } from 'vitest';
import { must } from '../../shared/errors.ts';
import { outcomeOf } from '../../workers/registrar/probe.ts';
import { CertificateAuthority } from '../support/certificates.ts';
import { cleanupsAfterEach } from '../support/cleanups.ts';
import { configOf, LEAST } from '../support/config-text.ts';
import { tempFolder } from '../support/folder.ts';
import { HttpService } from '../support/http-service.ts';
import { until } from '../support/poll.ts';
import { freePort } from '../support/port.ts';
import { startRedis } from '../support/redis.ts';

const cleanups = cleanupsAfterEach();

/** What the check of an entry says, as the config writes it. null: it is good. */
async function said(port: number, check: string, timeout = 2_000): Promise<string | null> {
  const entry = `{ service: a, path: /a, address: "127.0.0.1:${port}", check: { timeout: ${timeout}ms, ${check} } }`;
  const [probe] = configOf(`${LEAST}register:\n  - ${entry}\n`).register[0]?.checks ?? [];
  const outcome = await outcomeOf(must(probe, 'the check'), new AbortController().signal);
  return outcome.ok ? null : outcome.detail;
}

describe('http', () => {
  it('goes by status and body', async () => {
    const web = await HttpService.start();
    cleanups.push(() => web.stop());
    const { port } = web;
    expect(await said(port, 'http: GET /health')).toBeNull();
    expect(await said(port, `http: GET /health, expect: { body: "${port}" }`)).toBeNull();
    expect(await said(port, 'http: GET /health, expect: { body: nothing }')).toContain('the body has not the text');
    expect(await said(port, 'http: HEAD /health, expect: { status: "201-299,404" }')).toContain('status 200');
    web.behaviour = 'fail';
    expect(await said(port, 'http: GET /health')).toBe(`GET http://127.0.0.1:${port}/health: status 503`);
    expect(await said(port, 'http: GET /health, expect: { status: 503 }'.replace('503', '"503"'))).toBeNull();
    web.behaviour = 'hang';
    expect(await said(port, 'http: GET /health', 200)).toContain('not done within 200 ms');
    await web.stop();
    expect(await said(port, 'http: GET /health')).toContain('ECONNREFUSED');
  });

  it('with TLS believes only who is signed', async () => {
    const folder = await tempFolder();
    cleanups.push(() => folder.remove());
    const authority = await CertificateAuthority.make(folder.path, 'ours');
    const web = await HttpService.startTls(await authority.sign('web', 'DNS:web.internal'));
    cleanups.push(() => web.stop());
    const ca = authority.cert;
    expect(await said(web.port, `http: GET /, tls: { ca: ${ca}, serverName: web.internal }`)).toBeNull();
    expect(await said(web.port, `http: GET /, tls: { ca: ${ca}, serverName: other.internal }`)).toContain('other.internal');
    expect(await said(web.port, 'http: GET /, tls: {}')).toMatch(/certificate/);
    expect(await said(web.port, 'http: GET /, tls: { verify: none }')).toBeNull();
  });
});

describe('tcp', () => {
  it('asks for a connection', async () => {
    const port = await freePort();
    expect(await said(port, 'tcp: true')).toContain('ECONNREFUSED');
    const server = createServer((socket) => socket.destroy()).listen(port, '127.0.0.1');
    await once(server, 'listening');
    cleanups.push(async () => server.close());
    expect(await said(port, 'tcp: true')).toBeNull();
  });
});

describe('redis', () => {
  it('asks for a PONG, with its password where there is one', async () => {
    const redis = await startRedis();
    cleanups.push(() => redis.stop());
    expect(await said(redis.port, 'redis: true')).toBeNull();
    await redis.client.config('SET', 'requirepass', 'secret');
    expect(await said(redis.port, 'redis: true, auth: { password: secret }')).toBeNull();
    expect(await said(redis.port, 'redis: true, auth: { user: default, password: secret }')).toBeNull();
    expect(await said(redis.port, 'redis: true')).toContain('NOAUTH');
    const wrong = await said(redis.port, 'redis: true, auth: { password: wrong }');
    expect(wrong).toContain('WRONGPASS');
    expect(wrong).not.toContain('wrong ');
    const web = await HttpService.start();
    cleanups.push(() => web.stop());
    expect(await said(web.port, 'redis: true')).toContain('HTTP/1.1 400');
  });
});

describe('exec', () => {
  it('goes by the exit code, without a shell', async () => {
    expect(await said(1, 'exec: [/bin/true]')).toBeNull();
    expect(await said(1, 'exec: [/bin/sh, -c, "echo half; echo not today; exit 3"]')).toBe('exec /bin/sh: exit code 3: not today');
    expect(await said(1, 'exec: [test, "a;true", "=", "a;true"]')).toBeNull();
    expect(await said(1, 'exec: [/nowhere/at/all]')).toContain('ENOENT');
    process.env.SECRET_OF_OURS = 'x';
    expect(await said(1, 'exec: [/bin/sh, -c, \'test -z "$SECRET_OF_OURS" && test -n "$PATH"\']')).toBeNull();
  });

  it('leaves nothing behind when its time is over', async () => {
    const folder = await tempFolder();
    cleanups.push(() => folder.remove());
    const mark = `${folder.path}/late`;
    expect(await said(1, `exec: [/bin/sh, -c, "(sleep 1; touch ${mark}) & wait"]`, 200)).toContain('not done within 200 ms');
    const { existsSync } = await import('node:fs');
    const begun = performance.now();
    await until('its time to be long over', () => performance.now() - begun > 1_300);
    expect(existsSync(mark)).toBe(false);
  });
});

describe('grpc', () => {
  /** `status` by service: a byte of grpc.health.v1, or a gRPC status in words. */
  async function health(statuses: Readonly<Record<string, number | string>>): Promise<number> {
    const server: Http2Server = createHttp2Server();
    server.on('stream', (stream: ServerHttp2Stream, headers) => {
      const chunks: Buffer[] = [];
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('end', () => {
        const asked = Buffer.concat(chunks).subarray(7).toString();
        const status = headers[':path'] === '/grpc.health.v1.Health/Check' ? statuses[asked] : '12';
        if (typeof status !== 'number') {
          stream.respond({ ':status': 200, 'content-type': 'application/grpc', 'grpc-status': status ?? '5' }, { endStream: true });
          return;
        }
        stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
        stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
        const message = status === 0 ? [] : [0x08, status];
        stream.end(Buffer.from([0, 0, 0, 0, message.length, ...message]));
      });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    cleanups.push(async () => server.close());
    return (server.address() as AddressInfo).port;
  }

  it('asks the standard health service', async () => {
    const port = await health({ '': 1, 'shop.Cart': 2, 'shop.Old': 0, 'shop.Locked': '16' });
    expect(await said(port, 'grpc: true')).toBeNull();
    expect(await said(port, 'grpc: shop.Cart')).toBe(`grpc 127.0.0.1:${port}: the health service says NOT_SERVING`);
    expect(await said(port, 'grpc: shop.Old')).toContain('says UNKNOWN');
    expect(await said(port, 'grpc: shop.Locked')).toContain('gRPC status 16');
    expect(await said(port, 'grpc: shop.None')).toContain('gRPC status 5');
  });

  it('says what else answers, or does not', async () => {
    const web = await HttpService.start();
    cleanups.push(() => web.stop());
    expect(await said(web.port, 'grpc: true', 500)).toMatch(/grpc .*: (Protocol error|not done|the connection|.*)/);
    expect(await said(await freePort(), 'grpc: true')).toContain('ECONNREFUSED');
    const mute = createServer().listen(0, '127.0.0.1');
    await once(mute, 'listening');
    cleanups.push(async () => mute.close());
    expect(await said((mute.address() as AddressInfo).port, 'grpc: true', 200)).toContain('not done within 200 ms');
  });
});
