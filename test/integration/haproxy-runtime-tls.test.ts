/**
 * A runtime socket under TLS, on a real HAProxy: whom we trust, who we are, and what is said when either is wrong. HAProxy ignores `ssl` on a
 * `stats socket`, so a section of it passes connections on.
 */
import { copyFile, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createServer } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RuntimeConnection } from '../../shared/haproxy/connection.ts';
import { NoticeStream } from '../../shared/haproxy/notice-stream.ts';
import { observeProxy } from '../../shared/haproxy/observe.ts';
import { NOTICES_RING } from '../../shared/haproxy/render-global.ts';
import { withRuntime } from '../../shared/haproxy/runtime.ts';
import type { RuntimeAddress, RuntimeTls } from '../../shared/model/proxy-config.ts';
import { CertificateAuthority } from '../support/certificates.ts';
import { configOf, LEAST } from '../support/config-text.ts';
import { type TempFolder, tempFolder } from '../support/folder.ts';
import { HTTP_DEFAULTS, TestHaproxy } from '../support/haproxy.ts';
import { freePort } from '../support/port.ts';

let folder: TempFolder;
let haproxy: TestHaproxy;
let ours: CertificateAuthority;
let other: CertificateAuthority;
let ports: { open: number; asks: number; plain: number; named: number; ignored: number };

beforeAll(async () => {
  folder = await tempFolder();
  ours = await CertificateAuthority.make(folder.path, 'ours');
  other = await CertificateAuthority.make(folder.path, 'other');
  const here = await ours.sign('here', 'IP:127.0.0.1');
  const named = await ours.sign('named', 'DNS:edge.test');
  await ours.sign('client', 'DNS:pointsman.test');
  await other.sign('stranger', 'DNS:pointsman.test');
  ports = { open: await freePort(), asks: await freePort(), plain: await freePort(), named: await freePort(), ignored: await freePort() };
  haproxy = await TestHaproxy.prepare({ sections: '' });
  const passedOn = (name: string, port: number, words: string): string => `
listen ${name}
  mode tcp
  bind 127.0.0.1:${port} ssl ${words}
  server cli unix@${haproxy.runtime.path}`;
  await haproxy.configure({
    global: `  stats socket ipv4@127.0.0.1:${ports.plain} level admin
  stats socket ipv4@127.0.0.1:${ports.ignored} level admin ssl crt ${here.pem}`,
    sections: `${HTTP_DEFAULTS}
ring ${NOTICES_RING}
  size 32764
backend web
  balance roundrobin
${passedOn('open', ports.open, `crt ${here.pem}`)}
${passedOn('asks', ports.asks, `crt ${here.pem} ca-file ${ours.cert} verify required`)}
${passedOn('named', ports.named, `crt ${named.pem}`)}
`,
  });
  await haproxy.run();
});

afterAll(async () => {
  await haproxy?.stop();
  await folder.remove();
});

const file = (name: string): string => join(folder.path, name);

function at(port: number, tls: Partial<RuntimeTls> = {}): RuntimeAddress {
  return { kind: 'tls', host: '127.0.0.1', port, tls: { ca: ours.cert, cert: null, key: null, serverName: null, ...tls } };
}

const CLIENT = (): Partial<RuntimeTls> => ({ cert: file('client.crt'), key: file('client.key') });

describe('is let in', () => {
  it('by the authority of the config', async () => {
    const text = `${LEAST}proxies:
  edge:
    runtime: "tls://127.0.0.1:${ports.asks}"
    runtimeTls: { ca: ${ours.cert}, cert: ${file('client.crt')}, key: ${file('client.key')} }
    runtimeOnly: true
`;
    const [proxy] = configOf(text).proxies;
    if (proxy === undefined) throw new Error('no proxy');
    const observed = await withRuntime(proxy.runtime, observeProxy);
    expect(observed.identity.pid).toBe(await haproxy.workerPid());
    expect(observed.backends).toContain('web');
  });

  it('large replies and many lines come as without TLS', async () => {
    const lines = Array.from({ length: 500 }, (_, index) => (index % 50 === 0 ? 'help' : 'show version'));
    const [plain, secret] = await Promise.all(
      [{ kind: 'tcp', host: '127.0.0.1', port: ports.plain } as const, at(ports.open)].map((address) =>
        withRuntime(address, (connection) => connection.send(lines)),
      ),
    );
    expect(secret).toEqual(plain);
  });

  it('a certificate for a name, when that is asked for', async () => {
    await withRuntime(at(ports.named, { serverName: 'edge.test' }), (connection) => connection.send(['show version']));
  });

  it('notices come over it', async () => {
    const live = Promise.withResolvers<number>();
    const stream = new NoticeStream(at(ports.asks, CLIENT()), {
      onLive: live.resolve,
      onNotice: () => undefined,
      onEnd: (end) => live.reject(new Error(JSON.stringify(end))),
    });
    try {
      expect(await live.promise).toBe(await haproxy.workerPid());
    } finally {
      stream.close();
    }
  });

  it('with an authority that took the place of another while we run', async () => {
    const ca = file('renewed-ca.pem');
    await copyFile(other.cert, ca);
    await expect(RuntimeConnection.open(at(ports.open, { ca }))).rejects.toMatchObject({ code: 'HAPROXY_TLS_FAILED' });
    await copyFile(ours.cert, ca);
    (await RuntimeConnection.open(at(ports.open, { ca }))).close();
  });
});

describe('is refused', () => {
  const cases: readonly (readonly [string, () => RuntimeAddress, RegExp, RegExp])[] = [
    [
      'an authority that did not sign',
      () => at(ports.open, { ca: other.cert }),
      /unable to verify|unable to get|self.signed/,
      /runtimeTls\.ca/,
    ],
    ['no authority of ours', () => at(ports.open, { ca: null }), /unable to verify|unable to get|self.signed/, /runtimeTls\.ca/],
    ['another name', () => at(ports.named), /127\.0\.0\.1/, /serverName/],
    ['another name than the one asked for', () => at(ports.named, { serverName: 'other.test' }), /other\.test/, /serverName/],
    ['no certificate of ours', () => at(ports.asks), /certificate required/i, /runtimeTls\.cert/],
    [
      'a certificate of ours that another signed',
      () => at(ports.asks, { cert: file('stranger.crt'), key: file('stranger.key') }),
      /unknown ca|alert/i,
      /ca-file/,
    ],
    ['a socket without TLS', () => at(ports.plain), /wrong version number/, /bind … ssl/],
    ['a `stats socket` with `ssl`, which HAProxy ignores', () => at(ports.ignored), /wrong version number/, /bind … ssl/],
    ['a file that is not there', () => at(ports.open, { ca: file('nowhere.pem') }), /ENOENT/, /PEM/],
    [
      'a key of another certificate',
      () => at(ports.asks, { cert: file('client.crt'), key: file('stranger.key') }),
      /key values mismatch/,
      /PEM/,
    ],
  ];
  it.each(cases)('%s', async (_, address, message, hint) => {
    const refused = await RuntimeConnection.open(address()).then(
      (connection) => connection.close(),
      (error: unknown) => error,
    );
    expect(refused).toMatchObject({ code: 'HAPROXY_TLS_FAILED', retry: 'after' });
    expect((refused as Error).message).toMatch(message);
    expect((refused as { hint: string }).hint).toMatch(hint);
  });

  it('and nothing was said to who is not HAProxy', async () => {
    const heard: string[] = [];
    const impostor = createServer({ cert: await readFile(file('stranger.crt')), key: await readFile(file('stranger.key')) }, (socket) =>
      socket.on('error', () => undefined).on('data', (bytes) => heard.push(String(bytes))),
    );
    const port = await freePort();
    await new Promise<void>((resolve) => impostor.listen(port, '127.0.0.1', resolve));
    try {
      await expect(RuntimeConnection.open(at(port))).rejects.toMatchObject({ code: 'HAPROXY_TLS_FAILED' });
      // One that is trusted is spoken to: what follows is heard.
      const trusted = RuntimeConnection.open(at(port, { ca: other.cert, serverName: 'pointsman.test' }), 1_000);
      await expect(trusted).rejects.toMatchObject({ code: 'HAPROXY_TIMEOUT' });
      expect(heard).toEqual(['prompt\nset severity-output number\n']);
    } finally {
      impostor.close();
    }
  });

  it('a stream of notices says why as well', async () => {
    const ended = Promise.withResolvers<unknown>();
    const stream = new NoticeStream(at(ports.open, { ca: other.cert }), {
      onLive: () => ended.reject(new Error('it was let in')),
      onNotice: () => undefined,
      onEnd: ended.resolve,
    });
    expect(await ended.promise).toMatchObject({ why: 'closed', detail: expect.stringMatching(/tls:\/\/127\.0\.0\.1/) });
    stream.close();
  });

  it('what is spoken to a TLS port in the clear', async () => {
    await expect(RuntimeConnection.open({ kind: 'tcp', host: '127.0.0.1', port: ports.open })).rejects.toMatchObject({
      code: 'HAPROXY_UNREACHABLE',
    });
  });
});
