/**
 * pointsman with the rights that the documents say it needs and no others: a Redis user of its own, and a login at Zookeeper that may only read the services. All
 * of it works so, and none of its secrets is to be found in what it says or keeps.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import zookeeper from 'node-zookeeper-client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { pause } from '../../shared/runtime/wait.ts';
import { configFile, pointsman } from '../support/command.ts';
import { type HttpService, startHttpServices } from '../support/http-service.ts';
import { type PlainClient, plainClient } from '../support/plain-client.ts';
import { until } from '../support/poll.ts';
import { freePort } from '../support/port.ts';
import { pathOf, System } from '../support/system.ts';
import { root } from '../support/tree.ts';

const SERVICE = 'web';
const REDIS_PASSWORD = 'redis-sentinel-5b1e';
const ZOOKEEPER_PASSWORD = 'zookeeper-sentinel-77aa';
const REGISTRAR_PASSWORD = 'registrar-sentinel-90cd';

let system: System;
let http: HttpService[];
let hand: PlainClient;
let metrics: number;

beforeAll(async () => {
  const [listen, dashboard] = [await freePort(), await freePort()];
  metrics = dashboard;
  http = await startHttpServices(3);
  system = await System.start({
    later: ['app', 'haproxy'],
    redisArguments: ['--user', 'pointsman', 'on', `>${REDIS_PASSWORD}`, ...documentedRights()],
    redisLogin: `pointsman:${REDIS_PASSWORD}`,
    zookeeperLogin: `pointsman:${ZOOKEEPER_PASSWORD}`,
    more: `dashboard: { listen: "127.0.0.1:${dashboard}" }\n`,
    services: `  ${SERVICE}:
    path: ${pathOf(SERVICE)}
    listen: "127.0.0.1:${listen}"
    check: { http: GET /health, interval: 300ms, rise: 1, fall: 2 }
    allow: { loopback: true }`,
  });
  hand = await plainClient(system.zookeeper.connect, `registrar:${REGISTRAR_PASSWORD}`);
  await prepareTree();
  system.startApp();
  await system.started();
  await system.runHaproxy();
}, 60_000);

afterAll(async () => {
  await hand.close();
  await system.stop();
  await Promise.all(http.map((one) => one.stop()));
});

/** The words of the line in docs/operations.md, for the prefix of this test. */
function documentedRights(): string[] {
  const line = /^ACL SETUSER pointsman on >SECRET (.*)$/m.exec(readFileSync(join(root, 'docs/operations.md'), 'utf8'))?.[1] ?? '';
  return line.replaceAll('pointsman:', 'test:').split(' ');
}

/** Who registers may do everything below the services' path; pointsman may read it, and has its own root. */
async function prepareTree(): Promise<void> {
  const client = zookeeper.createClient(system.zookeeper.connect);
  client.addAuthInfo('digest', Buffer.from(`registrar:${REGISTRAR_PASSWORD}`));
  client.connect();
  const { Permission, ACL, Id } = zookeeper;
  const read = new ACL(Permission.READ, new Id('digest', digest(`pointsman:${ZOOKEEPER_PASSWORD}`)));
  const own = new ACL(Permission.ALL, new Id('digest', digest(`registrar:${REGISTRAR_PASSWORD}`)));
  const ours = new ACL(Permission.ALL, new Id('digest', digest(`pointsman:${ZOOKEEPER_PASSWORD}`)));
  const made = (path: string, acls: zookeeper.ACL[]): Promise<void> =>
    new Promise((resolve, reject) =>
      client.mkdirp(path, Buffer.alloc(0), acls, zookeeper.CreateMode.PERSISTENT, (error) => (error ? reject(error) : resolve())),
    );
  await made(pathOf(SERVICE), [read, own]);
  await made('/pointsman', [ours]);
  client.close();
}

function digest(pair: string): string {
  return `${pair.split(':')[0]}:${createHash('sha1').update(pair).digest('base64')}`;
}

describe('with the rights that are documented', () => {
  it('instances join and leave', async () => {
    const names = http.map(({ port }) => `127.0.0.1:${port}`);
    for (const name of names) await hand.create(`${pathOf(SERVICE)}/${name}`);
    await system.serving(SERVICE, names);
    await hand.remove(`${pathOf(SERVICE)}/${names[2]}`);
    await system.serving(SERVICE, names.slice(0, 2));
    await system.inSync(SERVICE);
  });

  it('an operator cordons, asks why, exports and replays', async () => {
    const name = `127.0.0.1:${http[0]?.port}`;
    const file = await configFile(system.folder, system.text(system.options.services));
    for (const args of [
      ['cordon', SERVICE, name, '--reason', 'trial'],
      ['uncordon', SERVICE, name],
      ['status'],
      ['why', SERVICE, name],
      ['plan'],
      ['log', 'tail'],
      ['log', 'export', '--out', join(system.folder.path, 'log.jsonl')],
      ['replay', '--verify'],
      ['resync'],
    ]) {
      const { code, out, err } = await pointsman(...args, '--config', file);
      expect(code, `${args.join(' ')}: ${err}`).toBe(0);
      expectNoSecret(args.join(' '), out, err);
    }
  });

  it('who may not see the login of Zookeeper reads how things stand, and changes nothing', async () => {
    const text = system.text(system.options.services).replace(ZOOKEEPER_PASSWORD, `\${file:/nowhere/login}`);
    const file = await configFile(system.folder, text, 'reader.yaml');
    for (const args of [['status'], ['why', SERVICE], ['plan'], ['log', 'tail'], ['replay'], ['render']]) {
      const { code, err } = await pointsman(...args, '--config', file);
      expect(code, `${args.join(' ')}: ${err}`).toBe(0);
    }
    const refused = await pointsman('cordon', SERVICE, `127.0.0.1:${http[0]?.port}`, '--config', file);
    expect([refused.code, refused.err]).toEqual([2, expect.stringContaining('/nowhere/login')]);
  });

  it('nothing that it says or keeps has a secret in it', async () => {
    expectNoSecret('the log', await readFile(system.logFile, 'utf8'));
    expectNoSecret('the export', await readFile(join(system.folder.path, 'log.jsonl'), 'utf8'));
    for (const path of ['/', '/metrics', '/queues', '/health']) {
      expectNoSecret(path, await (await fetch(`http://127.0.0.1:${metrics}${path}`)).text());
    }
    // Nor do the metrics have what a registration says.
    for (const { port } of http) expect(await (await fetch(`http://127.0.0.1:${metrics}/metrics`)).text()).not.toContain(`:${port}`);
    const redis = new Redis(system.redisPort, '127.0.0.1');
    try {
      const keys = await redis.keys('*');
      expect(keys.length).toBeGreaterThan(10);
      for (const key of keys) expectNoSecret(key, key, (await redis.dumpBuffer(key))?.toString('latin1') ?? '');
    } finally {
      redis.disconnect();
    }
  });
});

describe('with less', () => {
  it.each([
    ['not even look at Redis', ['-info', '-evalsha', '-eval'], 'REDIS_REFUSED'],
    ['take no job', ['-evalsha', '-eval'], 'NOPERM'],
  ])(
    'that may %s says so, asks at a bounded pace, and begins by itself once it may',
    async (_, taken, said) => {
      const redis = new Redis(system.redisPort, '127.0.0.1');
      try {
        await system.app.stop();
        await redis.call('ACL', 'SETUSER', 'pointsman', ...taken);
        const before = (await system.log()).length;
        system.app = system.newApp();
        system.startApp();
        await until('it to be said', async () => JSON.stringify((await system.log()).slice(before)).includes(said), {
          timeoutMs: 20_000,
        });
        const asked = await commands(redis);
        await pause(3_000);
        expect((await commands(redis)) - asked).toBeLessThan(1_000);
        expect((await system.log()).length - before).toBeLessThan(100);
        await redis.call('ACL', 'SETUSER', 'pointsman', ...documentedRights());
        const [first = '', second = '', third = ''] = http.map(({ port }) => `127.0.0.1:${port}`);
        const isThere = await hand.exists(`${pathOf(SERVICE)}/${third}`);
        await (isThere ? hand.remove(`${pathOf(SERVICE)}/${third}`) : hand.create(`${pathOf(SERVICE)}/${third}`));
        await system.serving(SERVICE, isThere ? [first, second] : [first, second, third], 40_000);
      } finally {
        redis.disconnect();
      }
    },
    80_000,
  );

  it('at Zookeeper: HAProxy keeps what it has, and it is said', async () => {
    const names = http.slice(0, 2).map(({ port }) => `127.0.0.1:${port}`);
    await system.app.stop();
    await hand.restrict(pathOf(SERVICE), `registrar:${REGISTRAR_PASSWORD}`);
    const before = (await system.log()).length;
    system.app = system.newApp();
    system.startApp();
    await until('it to be said', async () => (await system.log()).slice(before).some(({ code }) => code === 'ZOOKEEPER_NO_AUTH'), {
      timeoutMs: 20_000,
    });
    await system.inSync(SERVICE);
    await system.serving(SERVICE, names);
  });
});

/** That Redis was asked to do, also those it refused. */
async function commands(redis: Redis): Promise<number> {
  const info = await redis.info('stats');
  return Number(/total_commands_processed:(\d+)/.exec(info)?.[1]) + Number(/total_error_replies:(\d+)/.exec(info)?.[1]);
}

function expectNoSecret(where: string, ...texts: string[]): void {
  for (const text of texts) {
    for (const secret of [REDIS_PASSWORD, ZOOKEEPER_PASSWORD, REGISTRAR_PASSWORD]) {
      if (text.includes(secret) || text.includes(digest(`pointsman:${secret}`))) throw new Error(`${where} has ${secret} in it`);
    }
  }
}
