/**
 * Every registrar of a service ends at once, as when a tool upgrades them all, and each withdraws its instance before it removes the znode. The instances themselves are
 * well: they go on serving.
 */
import { expect, it } from 'vitest';
import { cleanupsAfterEach } from '../support/cleanups.ts';
import { startHttpServices } from '../support/http-service.ts';
import { until } from '../support/poll.ts';
import { freePort } from '../support/port.ts';
import { entryText, RegistrarHost } from '../support/registrar-host.ts';
import { SteadyTraffic, summary } from '../support/steady-traffic.ts';
import { System } from '../support/system.ts';

const cleanups = cleanupsAfterEach();

it('whoever serves goes on, though all have withdrawn and gone', { timeout: 90_000 }, async () => {
  const listen = await freePort();
  const check = 'check: { http: GET /health, interval: 200ms, rise: 1, fall: 2 }';
  const system = await System.start({
    services: `  web: { path: /services/web, listen: "127.0.0.1:${listen}", allow: { loopback: true }, ${check} }`,
  });
  cleanups.push(() => system.stop());
  const services = await startHttpServices(3);
  for (const web of services) cleanups.push(() => web.stop());
  const hosts = await Promise.all(
    services.map(({ port }) =>
      RegistrarHost.start({
        connect: system.zookeeper.connect,
        register: entryText('web', port).replace('drain: 0ms', 'drain: 1s'),
      }),
    ),
  );
  const names = services.map(({ port }) => `127.0.0.1:${port}`);
  await system.serving('web', names, 30_000);
  // Who is not seen up is nobody's last server.
  await until('all of them to be seen up', async () =>
    (await Promise.all(names.map((name) => system.instance('web', name)))).every((one) => one?.state === 'serving'),
  );
  const traffic = new SteadyTraffic({ port: listen, rate: 50 });
  cleanups.push(async () => void (await traffic.stop()));
  await Promise.all(hosts.map((host) => host.stop()));
  await until('all of them to be held', async () => {
    const states = await Promise.all(names.map(async (name) => (await system.instance('web', name))?.state));
    return states.every((state) => state === 'held');
  });
  await system.serving('web', names);
  const sent = traffic.done.length;
  await until('more requests', () => traffic.done.length > sent + 25);
  const weights = [...(await system.servers('web')).values()].map(({ weight }) => weight);
  expect(weights).toEqual([1, 1, 1]);
  expect(Object.keys(summary(await traffic.stop()))).toEqual(['200']);
});
