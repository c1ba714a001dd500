/** Services that are found below a znode, on real parts: they come and go with their znodes, and nothing of them goes for want of knowledge. */
import { beforeEach, describe, expect, it } from 'vitest';
import { cleanupsAfterEach } from '../support/cleanups.ts';
import { asked } from '../support/host-request.ts';
import { HttpService } from '../support/http-service.ts';
import { type PlainClient, plainClient } from '../support/plain-client.ts';
import { until } from '../support/poll.ts';
import { freePort } from '../support/port.ts';
import { edgeProxy, System } from '../support/system.ts';

const cleanups = cleanupsAfterEach();
const LIKE = `check: { http: GET /health, interval: 300ms, rise: 1, fall: 2 }, guard: { maxLoss: 1 }, allow: { loopback: true }`;

let system: System;
let plain: PlainClient;
let port: number;
let one: HttpService;

function text({ services = '', maxServices = 500 }: { services?: string; maxServices?: number } = {}): string {
  return `${services}
discover:
  - { root: /services, children: instances, host: "{service}.local", maxServices: ${maxServices}, like: { ${LIKE} } }`;
}

async function said(line: string): Promise<void> {
  await until(`the log: ${line}`, async () => (await system.log()).some(({ msg }) => msg === line), { timeoutMs: 20_000 });
}

/** What goes before that is no last server that is up. */
async function seenUp(): Promise<void> {
  await until('web to be seen up', async () => (await system.instance('web', `127.0.0.1:${one.port}`))?.state === 'serving');
}

/** Whether its log says that it is configured. */
async function configured(service: string): Promise<boolean> {
  return (await system.app.ports.log.configOnRecord(service)) !== null;
}

beforeEach(async () => {
  port = await freePort();
  system = await System.start({
    services: text(),
    proxies: (places) => edgeProxy(places, `, http: { listen: "127.0.0.1:${port}" }`),
  });
  cleanups.push(() => system.stop());
  plain = await plainClient(system.zookeeper.connect);
  cleanups.push(() => plain.close());
  one = await HttpService.start();
  cleanups.push(() => one.stop());
});

describe('a child of the root', () => {
  it('is a service with a route; it goes when its znode and its servers have gone', async () => {
    const session = await system.register('web', `127.0.0.1:${one.port}`);
    await until('a request', async () => (await asked(port, 'web.local')) === `200 ${one.port}`);
    await seenUp();
    await session.close();
    await plain.removeAll('/services/web');
    await said('a service is gone; it goes when its servers have');
    // It still answers its checks: the last server stays, and so does the service. Another one that left after it, with nothing to drain, has gone.
    await plain.ensure('/services/brief');
    await until('the other one', () => configured('brief'));
    await plain.removeAll('/services/brief');
    await until('the other one has gone', async () => !(await configured('brief')), { timeoutMs: 20_000 });
    expect(await configured('web')).toBe(true);
    expect(await asked(port, 'web.local')).toBe(`200 ${one.port}`);
    await one.stop();
    await until('it is unconfigured', async () => !(await configured('web')), { timeoutMs: 20_000 });
    await until('its route is gone', async () => (await asked(port, 'web.local')).startsWith('404'));
    await until('its backend is gone', async () => !(await system.backends()).includes('web'), { timeoutMs: 20_000 });
  });

  it('that comes back keeps what it had', async () => {
    const session = await system.register('web', `127.0.0.1:${one.port}`);
    await system.serving('web', [`127.0.0.1:${one.port}`]);
    await session.close();
    await plain.removeAll('/services/web');
    await system.register('web', `127.0.0.1:${one.port}`);
    await until('a request', async () => (await asked(port, 'web.local')) === `200 ${one.port}`);
    await system.serving('web', [`127.0.0.1:${one.port}`]);
    expect(await configured('web')).toBe(true);
  });

  it('is not believed to be gone before a second reading of a new watcher', async () => {
    await system.register('web', `127.0.0.1:${one.port}`);
    await seenUp();
    await system.app.stop();
    await plain.removeAll('/services/web');
    await plain.ensure('/services');
    system.app = system.newApp();
    system.startApp();
    await said('services are missing, not believed yet');
    expect(await configured('web')).toBe(true);
    expect(await asked(port, 'web.local')).toBe(`200 ${one.port}`);
    await said('a service is gone; it goes when its servers have');
    expect(await configured('web')).toBe(true);
    await one.stop();
    await until('it is unconfigured', async () => !(await configured('web')), { timeoutMs: 20_000 });
  });

  it('of a hostile name, of a host that is taken, and one too many, are refused with the reason', async () => {
    await system.reconfigure(text({ services: `  mine: { path: /elsewhere/mine, host: theirs.local }`, maxServices: 1 }));
    await plain.ensure('/services/a b;c');
    await plain.ensure('/services/theirs');
    await system.register('web', `127.0.0.1:${one.port}`);
    await system.serving('web', [`127.0.0.1:${one.port}`]);
    await plain.ensure('/services/zzz');
    const told = await until('the reasons', async () => {
      const lines = (await system.log()).filter(({ msg }) => msg === 'a child is no service');
      return lines.length === 3 && lines.map(({ znode, reason }) => `${String(znode)}: ${String(reason)}`).sort();
    });
    expect(told).toEqual([
      'a b;c: its name is no name of a service: 1 to 64 letters, digits, `_`, `.`, `-`',
      'theirs: its host theirs.local is that of service mine',
      'zzz: there are more than maxServices (1)',
    ]);
    expect(await system.app.ports.log.services()).toEqual(['mine', 'web']);
  });

  it('does not shadow a configured service', async () => {
    await system.reconfigure(text({ services: `  web: { path: /elsewhere/web, check: none, allow: { loopback: true } }` }));
    await system.register('web', `127.0.0.1:${one.port}`);
    await system.register('api', `127.0.0.1:${one.port}`);
    await until('the other is routed', async () => (await asked(port, 'api.local')) === `200 ${one.port}`);
    expect((await system.app.ports.log.configOnRecord('web'))?.path).toBe('/elsewhere/web');
    expect(await asked(port, 'web.local')).toMatch(/^404/);
  });
});
