/** From Nerve to our registrar (docs/migrating.md, step 5), host after host under steady traffic: both register one instance for a while, then Nerve ends. */
import { beforeAll, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { migrateNerve } from '../../cli/migrate/nerve.ts';
import { type HttpService, startHttpServices } from '../support/http-service.ts';
import { until } from '../support/poll.ts';
import { freePort } from '../support/port.ts';
import { RegistrarHost } from '../support/registrar-host.ts';
import type { RegistrarSession } from '../support/registrar-session.ts';
import { ServerWatch, withdrawals } from '../support/server-watch.ts';
import { SteadyTraffic, summary } from '../support/steady-traffic.ts';
import { System } from '../support/system.ts';

const SERVICE = 'web';
const PATH = '/nerve/services/web/services';
const REQUESTS = 30;

let system: System;
let listen: number;
let services: readonly HttpService[];
const hosts: RegistrarHost[] = [];

beforeAll(async () => {
  listen = await freePort();
  services = await startHttpServices(3);
  system = await System.start({
    services: `  ${SERVICE}:
    path: ${PATH}
    listen: "127.0.0.1:${listen}"
    check: { http: GET /health, interval: 1s, rise: 1, fall: 2 }
    allow: { loopback: true }`,
  });
  return async () => {
    await Promise.all(hosts.map((host) => host.stop()));
    await Promise.all([system.stop(), ...services.map((service) => service.stop())]);
  };
});

/** A registrar with what is made of this host's Nerve config. */
async function registrarOf(index: number): Promise<RegistrarHost> {
  const checks = [{ type: 'http', uri: '/health', timeout: 0.5 }];
  const web = {
    host: '127.0.0.1',
    port: services[index]?.port,
    zk_hosts: ['localhost:2181'],
    zk_path: PATH,
    check_interval: 0.1,
    weight: index + 1,
    checks,
  };
  const { config } = migrateNerve({ instance_id: `i-${index}`, services: { [SERVICE]: web } });
  const register = stringify(Object.values(config['register'] as object)).replace(/^(?=.)/gm, '  ');
  const host = await RegistrarHost.start({ connect: system.zookeeper.connect, register });
  hosts.push(host);
  return host;
}

it('goes over without a lost request, and no server changes', async () => {
  const names = services.map(({ port }) => `127.0.0.1:${port}`);
  const nerves: RegistrarSession[] = [];
  for (const [index, { port }] of services.entries()) {
    const session = await system.session();
    await session.register(PATH, `i-${index}_000000000${index}`, { host: '127.0.0.1', port, name: `i-${index}`, weight: index + 1 });
    nerves.push(session);
  }
  await system.serving(SERVICE, names);
  const before = (await withdrawals(system)).length;
  const watch = new ServerWatch(system, SERVICE, names);
  const traffic = new SteadyTraffic({ port: listen, rate: 100 });
  const flows = (): Promise<unknown> => {
    const sent = traffic.done.length;
    return until('traffic', () => traffic.done.length >= sent + REQUESTS);
  };
  const standing = async (index: number): Promise<string> =>
    Object.keys((await system.instance(SERVICE, names[index] ?? ''))?.snapshot.context.znodes ?? {})
      .sort()
      .join();
  await flows();
  for (const [index, nerve] of nerves.entries()) {
    await registrarOf(index);
    await until('both znodes', async () => (await standing(index)) === `i-${index}_,i-${index}_000000000${index}`);
    await flows();
    await nerve.close();
    await until('ours alone', async () => (await standing(index)) === `i-${index}_`);
  }
  await flows();
  await system.inSync(SERVICE);
  const done = await traffic.stop();
  expect(summary(done.filter(({ status }) => status !== 200))).toEqual({});
  expect(await watch.stop()).toMatchObject({ missed: [], fewest: 3 });
  expect((await withdrawals(system)).slice(before)).toEqual([]);
  const servers = await system.servers(SERVICE);
  expect(names.map((name) => servers.get(name)?.weight)).toEqual([1, 2, 3]);
});
