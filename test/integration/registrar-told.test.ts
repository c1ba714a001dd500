/** What a host registers, as `status` and the metrics tell it, beside a real Zookeeper and Redis; and why a registration is refused. */
import { readFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { StatusReport } from '../../cli/status/report.ts';
import { createLogger } from '../../shared/observability/logger.ts';
import { App, rolesOf } from '../../workers/app.ts';
import { configFile, pointsman } from '../support/command.ts';
import { configOf } from '../support/config-text.ts';
import { type TempFolder, tempFolder } from '../support/folder.ts';
import { asked } from '../support/host-request.ts';
import { HttpService } from '../support/http-service.ts';
import { type PlainClient, plainClient } from '../support/plain-client.ts';
import { until } from '../support/poll.ts';
import { freePort } from '../support/port.ts';
import { type RedisServer, startRedis } from '../support/redis.ts';
import { askRegistrar } from '../support/register-request.ts';
import { startZookeeper, type Zookeeper } from '../support/zookeeper.ts';

let zookeeper: Zookeeper;
let hand: PlainClient;
let redis: RedisServer;
let folder: TempFolder;
let app: App;
let file: string;
let web: HttpService;
let bad: HttpService;
let ports: { board: number; own: number; register: number };

beforeAll(async () => {
  [zookeeper, redis, folder, web, bad] = await Promise.all([
    startZookeeper(),
    startRedis(),
    tempFolder(),
    HttpService.start(),
    HttpService.start(),
  ]);
  hand = await plainClient(zookeeper.connect);
  const [board, own, register] = await Promise.all([freePort(), freePort(), freePort()]);
  ports = { board, own, register };
  bad.behaviour = 'fail';
  await hand.ensure('/services/web');
  await hand.create('/services/web/10.0.0.9:80', '{"labels":{"region":"atlantis"}}');
  await hand.ensure('/services/theirs');
  await hand.create('/services/theirs/web-1_', '{"host":"10.0.0.8","port":80,"name":"web-1"}');
  const check = 'check: { http: GET /health, interval: 100ms, rise: 1, fall: 1 }, drain: 0ms';
  const text = `zookeeper: { connect: "${zookeeper.connect}" }
redis: { url: "${redis.url}", prefix: test }
services: { web: { path: /services/web, where: { region: ["no"] }, allow: { loopback: true } } }
registrar: { state: ${folder.path}/state, listen: "127.0.0.1:${register}" }
dashboard: { listen: "127.0.0.1:${board}" }
metrics: { listen: "127.0.0.1:${own}" }
register:
  - { service: web, path: /services/web, address: "127.0.0.1:${web.port}", labels: { region: "no" }, ${check} }
  - { service: web, path: /services/web, address: "127.0.0.1:${bad.port}", labels: { region: "no" }, ${check} }
  - { service: theirs, path: /services/theirs, address: "10.0.0.5:1", format: nerve, id: web-1, check: none }
  - { service: asks, path: /services/asks, address: "10.0.0.5:2", by: service, ttl: 1s, allow: { ttl: 1m }, drain: 0ms }
`;
  file = await configFile(folder, text);
  const config = configOf(text);
  app = new App(config, rolesOf(config), createLogger({ level: 'info', file: join(folder.path, 'log') }));
  await app.start();
}, 60_000);

afterAll(async () => {
  await app.stop();
  await hand.close();
  await Promise.all([web.stop(), bad.stop(), redis.stop(), zookeeper.stop()]);
  await folder.remove();
});

async function status(...more: string[]): Promise<StatusReport> {
  return JSON.parse((await pointsman('status', '--json', '--config', file, ...more)).out) as StatusReport;
}

/** The metrics, a value by name and labels. */
async function metrics(port: number): Promise<Map<string, number>> {
  const text = await asked(port, `127.0.0.1:${port}`, '/metrics');
  const lines = text.split('\n').filter((line) => line.startsWith('pointsman_'));
  return new Map(lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ')))]));
}

describe('what this host registers', () => {
  it('is in `status`, with what is not registered and why', async () => {
    await askRegistrar(ports.register, '/v1/register?service=asks&ttl=1m');
    const found = await until(
      'the registrar to be told',
      async () => {
        const [one] = (await status()).registrars;
        return one?.states['conflict'] === 1 && one.states['failing'] === 1 && one.states['registered'] === 2 && one;
      },
      { timeoutMs: 20_000 },
    );
    expect(found).toMatchObject({ registrar: `${hostname()}-${process.pid}`, live: true, connected: true, more: 0 });
    expect(found.entries.map(({ service, by, state }) => `${service} ${by} ${state}`)).toEqual([
      'theirs host conflict',
      'web host failing',
      'asks service registered',
      'web host registered',
    ]);
    expect((await status('web')).registrars[0]?.states).toEqual({ failing: 1, registered: 1 });
    const { out } = await pointsman('status', '--config', file);
    expect(out).toMatch(
      /^REGISTRARS\nregistrar .*not registered\n.* connected for .* 2 registered, 1 conflict, 1 failing {2}theirs 10\.0\.0\.5:1 conflict for/m,
    );
    expect(out).toContain(`web 127.0.0.1:${bad.port} failing for`);
    expect(out).toContain(`/health: status 503`);
  }, 60_000);

  it('is in the metrics, of the fleet and of this process, without a word of what znodes hold', async () => {
    await askRegistrar(ports.register, '/v1/register?service=bank');
    const { redis: known, keys } = app.ports;
    const { times, summaries } = keys.registrars;
    await known.zadd(times, Date.now(), 'damaged', Date.now(), 'later', Date.now(), 'none', Date.now(), 'nothing');
    await known.hset(summaries, 'damaged', '{', 'later', '{"id":"later","at":9e15,"entries":{}}', 'none', 'null');
    expect((await status()).registrars).toHaveLength(1);
    const of = `host="${hostname()}"`;
    await until(
      'what was refused',
      async () => (await metrics(ports.board)).get(`pointsman_registrar_requests_refused_total{${of}}`) === 1,
      { timeoutMs: 20_000 },
    );
    const [fleet, own] = [await metrics(ports.board), await metrics(ports.own)];
    for (const [host, all] of [
      [`${of},`, fleet],
      ['', own],
    ] as const) {
      expect(all.get(`pointsman_registrar_entries{${host}state="registered"}`)).toBe(2);
      expect(all.get(`pointsman_registrar_entries{${host}state="failing"}`)).toBe(1);
      expect(all.get(`pointsman_registrar_entries{${host}state="conflict"}`)).toBe(1);
      expect(all.get(`pointsman_registrar_entries{${host}state="down"}`)).toBe(0);
      expect(all.get(`pointsman_registrar_check_failures_total{${host}kind="http"}`)).toBeGreaterThan(0);
      expect(Date.now() / 1_000 - (all.get(`pointsman_registrar_last_pass_timestamp_seconds{${host}service="web"}`) ?? 0)).toBeLessThan(10);
    }
    expect(own.get('pointsman_registrar_connected')).toBe(1);
    expect(own.get('pointsman_registrar_znode_writes_total')).toBe(2);
    expect(fleet.get('pointsman_instances_rejected{service="web",code="label-not-allowed"}')).toBe(1);
    for (const port of [ports.board, ports.own]) {
      const text = await asked(port, `127.0.0.1:${port}`, '/metrics');
      expect(text).not.toMatch(/10\.0\.0\.|\/services\/|atlantis|web-1/);
      expect(await asked(port, 'evil.example', '/metrics')).toMatch(/^403 /);
    }
  }, 60_000);

  it('counts those that did not renew', async () => {
    await askRegistrar(ports.register, '/v1/register?service=asks&ttl=1s');
    await until('the end of its TTL', async () => (await metrics(ports.own)).get('pointsman_registrar_expired_total') === 1);
    await until('the removal', async () => (await metrics(ports.own)).get('pointsman_registrar_znode_removals_total') === 1);
  });
});

describe('a registration that `where` refuses', () => {
  it('is told in the log, once', async () => {
    await hand.set(`/services/web/10.0.0.9:80`, '{"labels":{"region":"atlantis"},"weight":2}');
    const refused = async (): Promise<Record<string, unknown>[]> => {
      const lines = (await readFile(join(folder.path, 'log'), 'utf8')).split('\n').filter((line) => line !== '');
      return lines.map((line) => JSON.parse(line) as Record<string, unknown>).filter(({ msg }) => msg === 'registration refused');
    };
    await hand.create('/services/web/10.0.0.9:81', '{}');
    await until('the second refusal', async () => (await refused()).length > 1);
    expect((await refused()).map(({ service, instance, reason }) => [service, instance, reason])).toEqual([
      ['web', '10.0.0.9:80', 'label-not-allowed'],
      ['web', '10.0.0.9:81', 'label-not-allowed'],
    ]);
  });
});

describe('a host whose Redis is away', () => {
  it('still shows what it registers, and registers', async () => {
    redis.kill('SIGKILL');
    await until('the dashboard to say so', async () =>
      (await asked(ports.board, `127.0.0.1:${ports.board}`, '/metrics')).startsWith('503'),
    );
    bad.behaviour = 'ok';
    await until('the znode', () => hand.exists(`/services/web/127.0.0.1:${bad.port}`));
    expect((await metrics(ports.own)).get('pointsman_registrar_entries{state="registered"}')).toBe(2);
    expect(await askRegistrar(ports.register, '/v1/register?service=asks')).toMatchObject({ status: 200 });
  });
});
