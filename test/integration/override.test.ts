/** What somebody sets on a real HAProxy by hand: respected and shown, until he takes it back; also through reloads, restarts, and without any record. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { ProxyPlan } from '../../cli/plan/proxy-plan.ts';
import type { StatusReport } from '../../cli/status/report.ts';
import type { WhyReport } from '../../cli/why/report.ts';
import { observeStatistics } from '../../shared/haproxy/observe.ts';
import { parseStatisticOptions } from '../../shared/haproxy/parse-sessions.ts';
import { withRuntime } from '../../shared/haproxy/runtime.ts';
import { readFleet } from '../../workers/dashboard/fleet.ts';
import { metricsText } from '../../workers/dashboard/metrics.ts';
import { begun, inSync, isUp, known, looks, overrides, QUICK, ROLES, sent, servers } from '../support/by-hand-story.ts';
import { cleanupsAfterEach } from '../support/cleanups.ts';
import { configFile, pointsman } from '../support/command.ts';
import { startHttpServices } from '../support/http-service.ts';
import { until } from '../support/poll.ts';
import { RuntimeRelay } from '../support/runtime-relay.ts';

const cleanups = cleanupsAfterEach();

it('maint, drain, weight, address and maxconn are left so and shown, and end when they are set back', async () => {
  const { on, names, ports } = await begun(cleanups, 5, {}, { server: { maxConn: 50 } });
  const [maint, drain, weight, address, limit] = names as [string, string, string, string, string];
  const before = (await sent(on)).length;
  await on.haproxy.cli(
    `set server web/${maint} state maint`,
    `set server web/${drain} state drain`,
    `set server web/${weight} weight 3`,
    `set server web/${address} addr 127.0.0.2`,
    `set maxconn server web/${limit} 7`,
  );
  await looks(on);
  const texts = [`${maint} maint`, `${drain} drain`, `${weight} weight 3`, `${address} address 127.0.0.2 port ${ports[3]}`];
  await known(on, ...texts, `${limit} maxconn 7`);
  await inSync(on);
  await looks(on);
  const seen = await servers(on);
  expect([maint, drain, weight].map((name) => `${seen.get(name)?.admin} ${seen.get(name)?.weight}`)).toEqual([
    'maint 10',
    'drain 10',
    'ready 3',
  ]);
  expect(seen.get(address)?.address).toBe('127.0.0.2');
  const limits = (): Promise<ReadonlyMap<string, { maxConn: number }> | null> =>
    withRuntime(on.proxy.runtime, (connection) => observeStatistics(connection, 'web', parseStatisticOptions));
  expect((await limits())?.get(limit)?.maxConn).toBe(7);
  expect((await sent(on)).slice(before)).toEqual([]);

  const file = await configFile(on.folder, on.yaml());
  const plan = await pointsman('plan', '--json', '--config', file);
  expect(plan.code).toBe(0);
  const [edge] = (JSON.parse(plan.out) as { proxies: ProxyPlan[] }).proxies;
  expect(edge).toMatchObject({ settled: 1, services: [{ service: 'web', commands: [], waiting: [] }] });
  expect((await pointsman('plan', '--config', file)).out).toMatch(
    new RegExp(`leave ${maint}  # override: maint, set by hand on HAProxy, \\d+s ago`),
  );
  const status = JSON.parse((await pointsman('status', '--json', '--config', file)).out) as StatusReport;
  const shown = status.proxies[0]?.backends[0];
  expect(shown?.state).toBe('in-sync');
  expect(shown?.overrides.find(({ server }) => server === maint)).toMatchObject({ what: 'maint', instance: maint });
  expect(Date.now() - (shown?.overrides[0]?.since ?? 0)).toBeLessThan(60_000);
  const { out } = await pointsman('status', '--config', file);
  expect(out).toContain('5 overrides by hand');
  expect(out).toMatch(new RegExp(`edge +web +${maint} +maint +hand, on HAProxy +\\d+s ago`));
  const why = JSON.parse((await pointsman('why', 'web', maint, '--json', '--config', file)).out) as WhyReport;
  expect(why.reasons.find(({ code }) => code === 'proxy-override')).toMatchObject({
    text: 'somebody set it to maint on HAProxy',
    proxy: 'edge',
  });
  expect(why.proxies[0]?.rotation).toBe('out');
  const { text } = await metricsText([], await readFleet(on.app.ports, [], Date.now()));
  expect(text).toContain('pointsman_proxy_overrides{proxy="edge"} 5');

  await on.haproxy.cli(
    `set server web/${maint} state ready`,
    `set server web/${drain} state ready`,
    `set server web/${weight} weight 10`,
    `set server web/${address} addr 127.0.0.1`,
    `set maxconn server web/${limit} 50`,
  );
  await looks(on);
  await known(on);
  expect((await sent(on)).slice(before)).toEqual([]);
}, 90_000);

it('it is noticed without being asked for, within a few seconds', async () => {
  const { on, names } = await begun(cleanups, 2);
  await on.haproxy.cli(`set server web/${names[0]} weight 4`);
  await known(on, `${names[0]} weight 4`);
  await on.haproxy.cli(`set server web/${names[0]} weight 10`);
  await known(on);
}, 60_000);

it('with repair it is put back, and the reason says so', async () => {
  const { on, names } = await begun(cleanups, 2, { proxy: { override: 'repair' } });
  const [maint, weight] = names;
  await on.haproxy.cli(`set server web/${maint} state maint`, `set server web/${weight} weight 3`);
  await until('both to be put back', async () => {
    const seen = await servers(on);
    return isUp(seen.get(maint ?? '')) && seen.get(weight ?? '')?.weight === 10;
  });
  expect((await sent(on)).slice(-2)).toEqual([
    { command: `admit server web/${maint}`, reason: 'it is in maint; somebody changed it outside pointsman' },
    { command: `set server web/${weight} weight 10`, reason: 'its weight is 3; somebody changed it outside pointsman' },
  ]);
  expect(await overrides(on)).toEqual([]);
}, 60_000);

it.each(['our own reload', "somebody else's reload", 'a restart'])(
  'is not lost by %s',
  async (way) => {
    const { on, config, names, ports } = await begun(cleanups, 5);
    const [maint, drain, weight, address] = names as [string, string, string, string];
    await on.haproxy.cli(
      `set server web/${maint} state maint`,
      `set server web/${drain} state drain`,
      `set server web/${weight} weight 3`,
      `set server web/${address} addr 127.0.0.2`,
    );
    // Its own reload looks itself; of what others do only what was seen before is known.
    const texts = [`${maint} maint`, `${drain} drain`, `${weight} weight 3`, `${address} address 127.0.0.2 port ${ports[3]}`];
    if (way !== 'our own reload') await known(on, ...texts);
    const since = (await overrides(on)).map((one) => one.since);
    const pid = await on.haproxy.workerPid();
    if (way === 'our own reload') await on.configure({ ...config, timeouts: { ...config.timeouts, queue: 1_500 } });
    else if (way === 'a restart') await on.haproxy.restart();
    else await on.haproxy.reload();
    await until('another worker', async () => (await on.haproxy.workerPid()) !== pid, { timeoutMs: 15_000 });
    await until(
      'what was set by hand',
      async () => {
        const seen = await servers(on);
        const states = [maint, drain, weight].map((name) => `${seen.get(name)?.admin} ${seen.get(name)?.weight}`).join(', ');
        return states === 'maint 10, drain 10, ready 3' && seen.get(address)?.address === '127.0.0.2';
      },
      { timeoutMs: 15_000 },
    );
    await looks(on);
    await inSync(on);
    await known(on, ...texts);
    if (way !== 'our own reload') expect((await overrides(on)).map((one) => one.since)).toEqual(since);
    const requests = await Promise.all([1, 2, 3, 4].map(() => fetch(`http://${config.listen}/`)));
    expect(requests.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
    await on.haproxy.cli(`set server web/${maint} state ready`, `set server web/${drain} state ready`);
    await until('both to serve', async () => isUp((await servers(on)).get(maint)) && isUp((await servers(on)).get(drain)));
  },
  90_000,
);

it('without any record the managed file tells whose it is', async () => {
  const { on, config, names, ports } = await begun(cleanups, 3);
  const [maint, other] = names as [string, string];
  await on.haproxy.cli(`set server web/${maint} state maint`);
  await known(on, `${maint} maint`);
  await until('the file', async () => (await readFile(join(on.managed, 'service-web.cfg'), 'utf8')).includes(`${maint} by-hand`));
  await on.app.stop();
  await on.haproxy.cli(`set server web/${other} state drain`);
  await on.redis.client.flushall();
  on.app = on.newApp(ROLES);
  await on.app.start();
  await on.configure(config);
  await on.tell('web', ...ports.map((port) => on.registered(port, { weight: 10 })), { type: 'complete' });
  await known(on, `${maint} maint`, `${other} drain`);
  await looks(on);
  expect((await servers(on)).get(maint)?.admin).toBe('maint');
  expect((await servers(on)).get(other)?.admin).toBe('drain');
}, 60_000);

it('what a crash left half made is finished, and is nobody else', async () => {
  let path = '/nowhere/admin.sock';
  const relay = await RuntimeRelay.start(() => path);
  cleanups.push(async () => relay.close());
  const { on, names, config } = await begun(
    cleanups,
    2,
    { proxy: { runtime: { kind: 'tcp', host: '127.0.0.1', port: relay.port } }, managedBy: 'others' },
    {},
    async (pipeline) => {
      path = pipeline.haproxy.runtime.path;
      await pipeline.startHaproxy();
    },
  );
  // A server is made anew, and nothing else is desired of it: the connection dies once it is in drain, and so does the worker, without another look.
  let isCut = false;
  relay.toHaproxy = (text) => {
    if (isCut) return '';
    const line = /[^\n]*set server web\/[\d.:]+ state drain[^\n]*\n/.exec(text);
    isCut = line !== null;
    return line === null ? text : text.slice(0, line.index + line[0].length);
  };
  await on.configure({ ...config, check: { ...QUICK, fall: 3 } });
  await until('the half of it', () => isCut, { timeoutMs: 20_000 });
  await on.app.stop();
  relay.toHaproxy = (text) => text;
  const left = await until('one in drain', async () => [...(await servers(on)).values()].find(({ admin }) => admin === 'drain')?.name);
  on.app = on.newApp(ROLES);
  await on.app.start();
  await until('it to serve again', async () => isUp((await servers(on)).get(left)), { timeoutMs: 20_000 });
  await until('only the two', async () => [...(await servers(on)).keys()].sort().join() === [...names].sort().join(), {
    timeoutMs: 20_000,
  });
  await inSync(on);
  expect(await overrides(on)).toEqual([]);
}, 90_000);

it('one whose instance deregisters drains and is deleted; a cordon on top changes nothing of it', async () => {
  const { on, names, ports } = await begun(cleanups, 3);
  const [left, cordoned] = names as [string, string];
  await on.haproxy.cli(`set server web/${left} state maint`, `set server web/${cordoned} state maint`);
  await known(on, `${left} maint`, `${cordoned} maint`);
  await on.tell('web', { type: 'cordoned', instance: cordoned, by: 'ann', reason: 'disk', until: null });
  await looks(on);
  await on.tell('web', { type: 'uncordoned', instance: cordoned });
  await looks(on);
  expect((await servers(on)).get(cordoned)?.admin).toBe('maint');
  await on.tell('web', on.deregistered(ports[0] ?? 0));
  await until('it to be gone', async () => !(await servers(on)).has(left), { timeoutMs: 15_000 });
  await known(on, `${cordoned} maint`);
  await inSync(on);
}, 60_000);

it('a server that somebody deleted stays so, also through a reload, until he adds it again', async () => {
  const { on, names, ports } = await begun(cleanups, 3);
  const [name] = names as [string];
  const id = (await servers(on)).get(name)?.id;
  await on.haproxy.cli(`set server web/${name} state maint`);
  await until('it to be deleted', async () => {
    const [reply] = await on.haproxy.cli(`del server web/${name}`);
    return reply?.includes('deleted');
  });
  await known(on, `${name} deleted`);
  await inSync(on);
  await until('the file', async () => !(await readFile(join(on.managed, 'service-web.cfg'), 'utf8')).includes(name));
  await on.haproxy.reload();
  await looks(on);
  await inSync(on);
  await known(on, `${name} deleted`);
  expect((await servers(on)).has(name)).toBe(false);
  await on.haproxy.cli(
    `add server web/${name} 127.0.0.1:${ports[0]} check inter 200 rise 1 id ${id} weight 10`,
    `enable health web/${name}`,
    `enable server web/${name}`,
  );
  await until('it to serve', async () => isUp((await servers(on)).get(name)));
  await looks(on);
  await known(on);
  await inSync(on);
}, 60_000);

it('a server of his own in our backend is left alone, unless it has the id that another needs; other backends are never touched', async () => {
  const own = `defaults base
  mode http
  timeout connect 2s
  timeout client 10s
  timeout server 10s
backend own
  balance roundrobin
  server one 127.0.0.1:9 weight 5
`;
  const { on, ports } = await begun(cleanups, 2, { sections: own });
  await on.haproxy.cli('set server own/one state maint', 'set server own/one weight 1', `add server own/two 127.0.0.1:10 id 7`);
  await on.haproxy.cli(`add server web/his 127.0.0.1:${ports[0]} id 4711 weight 2`, 'set server web/his state ready');
  await known(on, 'his foreign server');
  await inSync(on);
  await until('the file', async () => (await readFile(join(on.managed, 'service-web.cfg'), 'utf8')).includes('server his '));
  const pid = await on.haproxy.workerPid();
  await on.haproxy.reload();
  await until('another worker', async () => (await on.haproxy.workerPid()) !== pid);
  await looks(on);
  await known(on, 'his foreign server');
  expect((await servers(on)).get('his')?.admin).toBe('ready');
  expect((await servers(on, 'own')).get('one')?.admin).toBe('ready');
  await on.haproxy.cli('set server own/one state drain');
  await looks(on);
  expect((await servers(on, 'own')).get('one')?.admin).toBe('drain');
  // The id that the next instance gets: its server is somebody's, and has to go.
  const [next] = await startHttpServices(1);
  cleanups.push(async () => next?.stop());
  const event = on.registered(next?.port ?? 0, { weight: 10 });
  await on.app.stop();
  on.app = on.newApp(['transition']);
  await on.app.start();
  await on.tell('web', event);
  const name = `127.0.0.1:${next?.port}`;
  const id = await until('its id', async () => (await on.app.ports.desired.read('web')).backend?.servers.get(name)?.id);
  await on.haproxy.cli(`add server web/takes 127.0.0.1:${ports[0]} id ${id} weight 2`, 'set server web/takes state ready');
  await on.app.stop();
  on.app = on.newApp(ROLES);
  await on.app.start();
  await until('the instance to serve', async () => isUp((await servers(on)).get(name)), { timeoutMs: 20_000 });
  expect([...(await servers(on)).keys()].filter((one) => !one.startsWith('127.')).sort()).toEqual(['his']);
}, 90_000);
