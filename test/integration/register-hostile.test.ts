/** The registrar's listener among strangers: browsers, guesses, floods. Whatever they send, nothing is registered that the config does not allow, and nobody else waits. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import { cleanupsAfterEach } from '../support/cleanups.ts';
import { zookeeperOfFile } from '../support/file-zookeeper.ts';
import { until } from '../support/poll.ts';
import { freePort } from '../support/port.ts';
import { type AskOptions, askRegistrar } from '../support/register-request.ts';
import { RegistrarHost } from '../support/registrar-host.ts';

const TOKEN = 'a-secret-of-this-host';
const REGISTER = `  - { service: web, path: /services/web, address: "10.0.0.5:8080", by: service, drain: 0ms, weight: 2, labels: { region: "no" },
      allow: { ttl: 1m, ports: 9000-9199, labels: [version], weight: 10 } }
  - { service: other, path: /services/other, address: "10.0.0.5:7000", by: service, drain: 0ms, ttl: 1s }
  - { service: shards, path: /services/shards, address: "10.0.0.5:7100", format: serverset, by: service, drain: 0ms }
  - { service: fixed, path: /services/web, address: "10.0.0.5:9050", check: none, drain: 0ms }`;

const cleanups = cleanupsAfterEach();
const zookeeper = zookeeperOfFile();

async function running(token?: string) {
  const port = await freePort();
  const http = token === undefined ? { port } : { port, token };
  const host = await RegistrarHost.start({ connect: zookeeper.connect, register: REGISTER, http });
  cleanups.push(() => host.stop());
  await until('what the host registers', async () => (await registered()).length === 1);
  return { host, port, ask: (path: string, options?: AskOptions) => askRegistrar(port, path, options) };
}

/** Of all services. */
async function registered(): Promise<string[]> {
  const all = ['web', 'other', 'shards'].map((name) => zookeeper.hand.children(`/services/${name}`).catch(() => [] as string[]));
  return (await Promise.all(all)).flat().sort();
}

const WEB = '/v1/register?service=web';
const JSON_TYPE = { 'content-type': 'application/json' };

const REFUSED: readonly [what: string, status: number, code: string, path: string, options?: AskOptions][] = [
  ['a page that points its own name at 127.0.0.1', 403, 'REQUEST_NOT_ALLOWED', WEB, { headers: { host: 'evil.example:9190' } }],
  ['an address of this host that others reach', 403, 'REQUEST_NOT_ALLOWED', WEB, { headers: { host: '10.0.0.5' } }],
  ['a page of another origin', 403, 'REQUEST_NOT_ALLOWED', WEB, { headers: { origin: 'https://evil.example' } }],
  ['a page of no origin', 403, 'REQUEST_NOT_ALLOWED', WEB, { headers: { origin: 'null' } }],
  ['an image of a page', 403, 'REQUEST_NOT_ALLOWED', WEB, { headers: { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'no-cors' } }],
  ['a link of a page', 403, 'REQUEST_NOT_ALLOWED', WEB, { headers: { referer: 'https://evil.example/' } }],
  ['a form of a page', 403, 'REQUEST_NOT_ALLOWED', WEB, { method: 'POST', headers: { origin: 'https://evil.example' }, body: {} }],
  ['a body that is no JSON', 400, 'REQUEST_INVALID', '/v1/register', { method: 'POST', headers: JSON_TYPE, body: '{"service":' }],
  ['a body of plain text', 415, 'REQUEST_INVALID', WEB, { method: 'POST', headers: { 'content-type': 'text/plain' }, body: 'service=web' }],
  ['a body that is a list', 400, 'REQUEST_INVALID', WEB, { method: 'POST', body: [1] }],
  ['a huge body', 413, 'REQUEST_INVALID', WEB, { method: 'POST', body: { labels: { version: 'x'.repeat(100_000) } } }],
  ['a prototype', 400, 'REQUEST_INVALID', WEB, { method: 'POST', headers: JSON_TYPE, body: '{"__proto__":{"service":"web"}}' }],
  ['no service', 400, 'REQUEST_INVALID', '/v1/register'],
  ['two services', 400, 'REQUEST_INVALID', '/v1/register?service=web&service=other'],
  ['a key that is none', 400, 'REQUEST_INVALID', `${WEB}&acl=open`],
  ['a name with a line end', 400, 'REQUEST_INVALID', '/v1/register?service=web%0Aother'],
  ['a TTL that is too long', 400, 'REQUEST_INVALID', `${WEB}&ttl=6m`],
  ['a TTL that is too short', 400, 'REQUEST_INVALID', `${WEB}&ttl=999ms`],
  ['a TTL without a unit', 400, 'REQUEST_INVALID', `${WEB}&ttl=10`],
  ['a TTL that is longer than is allowed', 403, 'REQUEST_NOT_ALLOWED', `${WEB}&ttl=61s`],
  ['a weight beyond HAProxy', 400, 'REQUEST_INVALID', `${WEB}&weight=257`],
  ['a weight that is none', 400, 'REQUEST_INVALID', `${WEB}&weight=1e2`],
  ['a weight below nothing', 400, 'REQUEST_INVALID', '/v1/register', { method: 'PUT', body: { service: 'web', weight: -1 } }],
  ['an address that is none', 400, 'REQUEST_INVALID', `${WEB}&address=10.0.0.5`],
  ['a port that is not that of the address', 400, 'REQUEST_INVALID', `${WEB}&address=10.0.0.5:9001&port=9002`],
  ['a label without a name', 400, 'REQUEST_INVALID', `${WEB}&label==x`],
  ['labels that are none', 400, 'REQUEST_INVALID', '/v1/register', { method: 'PUT', body: { service: 'web', labels: { version: 7 } } }],
  ['another host', 403, 'REQUEST_NOT_ALLOWED', `${WEB}&address=10.0.0.6:8080`],
  ['another port', 403, 'REQUEST_NOT_ALLOWED', `${WEB}&port=9200`],
  ['another path', 403, 'REQUEST_NOT_ALLOWED', `${WEB}&path=/services/other`],
  ['another format', 403, 'REQUEST_NOT_ALLOWED', `${WEB}&format=curator`],
  ['a higher weight than is allowed', 403, 'REQUEST_NOT_ALLOWED', `${WEB}&weight=11`],
  ['a weight in a serverset', 403, 'REQUEST_NOT_ALLOWED', '/v1/register?service=shards&weight=0'],
  ['a label that is not allowed', 403, 'REQUEST_NOT_ALLOWED', `${WEB}&label=zone=oslo-1`],
  ['a label that the entry sets', 403, 'REQUEST_NOT_ALLOWED', `${WEB}&label=region=us`],
  ['the znode of what the host registers', 403, 'REQUEST_NOT_ALLOWED', `${WEB}&port=9050`],
  ['a service that only the host registers', 404, 'SERVICE_UNKNOWN', '/v1/register?service=fixed'],
  ['a service of no config', 404, 'SERVICE_UNKNOWN', '/v1/register?service=bank'],
  ['the same, deregistered', 404, 'SERVICE_UNKNOWN', '/v1/deregister?service=bank'],
  ['another path of ours', 404, 'REQUEST_INVALID', '/v2/register?service=web'],
  ['another method', 404, 'REQUEST_INVALID', WEB, { method: 'PATCH', body: {} }],
  ['a preflight', 403, 'REQUEST_NOT_ALLOWED', WEB, { method: 'OPTIONS', headers: { origin: 'https://evil.example' } }],
];

describe('what is not allowed', () => {
  it('is refused, each with a code and what to do, and registers nothing', async () => {
    const { ask } = await running();
    const found: unknown[] = [];
    const wanted = REFUSED.map(([what, status, code]) => [what, status, code]);
    for (const [what, , , path, options] of REFUSED) {
      const { status, body } = await ask(path, options);
      found.push([what, status, body.code]);
      expect(body.error, what).toMatch(/^[^\n]{5,300}$/);
      expect(body.hint, what).toMatch(/^[^\n]{5,300}$/);
      expect(({} as { service?: string }).service).toBeUndefined();
    }
    expect(found).toEqual(wanted);
    expect(await registered()).toEqual(['10.0.0.5:9050']);
  });

  it('is a HEAD, which changes nothing', async () => {
    const { ask } = await running();
    await ask(WEB, { method: 'HEAD' });
    expect((await ask('/v1/registrations')).body.entries).toMatchObject([{ state: 'registered', znode: '/services/web/10.0.0.5:9050' }]);
  });

  it('is a request without the token, where there is one; the token is told nowhere', async () => {
    const { ask, host } = await running(TOKEN);
    const wrong = [
      {},
      { authorization: TOKEN },
      { authorization: 'Bearer' },
      { authorization: `Bearer ${TOKEN}x` },
      { authorization: 'Bearer é' },
    ];
    for (const headers of wrong) {
      for (const path of [WEB, '/v1/deregister?service=web', '/v1/registrations', '/nothing']) {
        const answer = await ask(path, { headers: headers as Record<string, string> });
        expect(answer).toMatchObject({ status: 401, body: { code: 'REQUEST_UNAUTHORIZED' }, headers: { 'www-authenticate': 'Bearer' } });
      }
    }
    expect(await registered()).toEqual(['10.0.0.5:9050']);
    expect(await ask(WEB, { headers: { authorization: `Bearer ${TOKEN}` } })).toMatchObject({ status: 200 });
    expect(await registered()).toEqual(['10.0.0.5:8080', '10.0.0.5:9050']);
    const log = await host.log();
    expect(JSON.stringify(log)).not.toContain(TOKEN);
    expect(log.filter(({ msg }) => msg === 'a request to the registrar was refused')).toHaveLength(10);
  });
});

describe('a flood', () => {
  it('of one service is answered with 429, and another one renews all the while', async () => {
    const { ask } = await running();
    const lost: number[] = [];
    const renew = setInterval(
      () =>
        void ask('/v1/register?service=other').then(
          ({ status }) => status !== 200 && lost.push(status),
          () => lost.push(0),
        ),
      200,
    );
    cleanups.push(async () => clearInterval(renew));
    await until('the other one', async () => (await registered()).includes('10.0.0.5:7000'));
    const flood = async (path: string): Promise<number[]> => {
      const all: number[] = [];
      for (let turn = 0; turn < 50; turn++)
        all.push(...(await Promise.all(Array.from({ length: 20 }, () => ask(path)))).map(({ status }) => status));
      return all;
    };
    const [own, strange] = [await flood(WEB), await flood('/v1/register?service=bank')];
    expect(own.filter((status) => status === 429).length).toBeGreaterThan(300);
    expect(own.filter((status) => status === 200).length).toBeGreaterThan(100);
    expect(strange.filter((status) => status === 429).length).toBeGreaterThan(300);
    expect(lost).toEqual([]);
    expect(await registered()).toContain('10.0.0.5:7000');
  });

  it('of changes does not reach Zookeeper', async () => {
    const { ask, host } = await running();
    for (let turn = 0; turn < 50; turn++) await Promise.all([3, 4, 5, 6].map((weight) => ask(`${WEB}&weight=${weight}`)));
    const writes = (await host.log()).filter(({ msg, instance }) => /^regist/.test(msg) && instance === '10.0.0.5:8080');
    expect(writes.length).toBeGreaterThan(10);
    expect(writes.length).toBeLessThan(130);
  });

  it('of instances ends at a hundred of one service', async () => {
    const { ask } = await running();
    const statuses: number[] = [];
    let port = 9_000;
    await until(
      'as many as there may be',
      async () => {
        const { status, body } = await ask(`${WEB}&port=${port}&ttl=1m`);
        if (status === 429 && body.error?.includes('often') === true) return false;
        statuses.push(status);
        // This one is the host's own.
        port += port === 9_049 ? 2 : 1;
        return status === 429;
      },
      { timeoutMs: 30_000 },
    );
    expect(statuses.filter((status) => status === 200)).toHaveLength(100);
    expect(await ask('/v1/register?service=other')).toMatchObject({ status: 200 });
    expect(await registered()).toHaveLength(102);
  }, 60_000);
});

describe('connections', () => {
  it('that send no request, or half of one, are closed', async () => {
    const { port } = await running();
    const [mute, slow] = await Promise.all([opened(port), opened(port)]);
    slow.write('GET /v1/register?service=web HTTP/1.1\r\nhost: 127.0.0.1\r\nx: ');
    await until('both to be closed', () => mute.closed && slow.closed, { timeoutMs: 15_000 });
  });

  it('are bounded, and those that are closed make room', async () => {
    const { port, ask } = await running();
    const many = await Promise.all(Array.from({ length: 300 }, () => opened(port)));
    await until('those beyond the bound to be closed', () => many.filter(({ closed }) => !closed).length === 256);
    for (const socket of many) socket.destroy();
    await until('an answer', async () => (await ask(WEB).catch(() => null))?.status === 200);
  });
});

async function opened(port: number): Promise<Socket> {
  const socket = connect({ host: '127.0.0.1', port });
  cleanups.push(async () => void socket.destroy());
  socket.on('error', () => {});
  socket.resume();
  await once(socket, 'connect');
  return socket;
}
