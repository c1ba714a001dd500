/** A drain whose time passed while nobody was there to send it: the server drains all the same, and its sessions finish. */
import { once } from 'node:events';
import { createServer, get, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, it } from 'vitest';
import { createLogger } from '../../shared/observability/logger.ts';
import { App, type RoleName } from '../../workers/app.ts';
import { cleanupsAfterEach } from '../support/cleanups.ts';
import { HttpService } from '../support/http-service.ts';
import { until } from '../support/poll.ts';
import { freePort } from '../support/port.ts';
import { sentCommands } from '../support/server-watch.ts';
import { pathOf, System } from '../support/system.ts';

const SERVICE = 'web';
const DRAIN = `  drainTimeout: 2s
  reload: { minInterval: 300ms, jitter: 0 }`;

const cleanups = cleanupsAfterEach();

/** Answers `/health` at once, and all else when told. */
async function patientService(): Promise<{ port: number; waiting: ServerResponse[] }> {
  const waiting: ServerResponse[] = [];
  const server = createServer((request, response) => {
    if (request.url === '/health') response.end();
    else waiting.push(response);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  cleanups.push(async () => {
    server.closeAllConnections();
    server.close();
  });
  return { port: (server.address() as AddressInfo).port, waiting };
}

it('drains when the reconciler is back, and the request that it has is answered', async () => {
  const listen = await freePort();
  const text = `  ${SERVICE}:
    path: ${pathOf(SERVICE)}
    listen: "127.0.0.1:${listen}"
    check: { http: GET /health, interval: 300ms, rise: 1, fall: 2 }
    allow: { loopback: true }`;
  const system = await System.start({ services: text, haproxy: DRAIN });
  cleanups.push(() => system.stop());
  const [leaving, staying] = await Promise.all([patientService(), HttpService.start()]);
  cleanups.push(() => staying.stop());
  const name = `127.0.0.1:${leaving.port}`;
  const session = await system.register(SERVICE, name);
  await system.serving(SERVICE, [name]);
  await until('it to be known as up', async () => (await system.instance(SERVICE, name))?.state === 'serving');
  const answer = new Promise<number>((resolve, reject) => {
    get({ port: listen, path: '/slow' }, (response) => resolve(response.resume().statusCode ?? 0)).on('error', reject);
  });
  await until('the request to reach it', () => leaving.waiting.length === 1);
  await system.register(SERVICE, `127.0.0.1:${staying.port}`);
  await until('the other to be up', async () => (await system.instance(SERVICE, `127.0.0.1:${staying.port}`))?.state === 'serving');
  const before = (await sentCommands(system)).length;

  const change = async (roles: readonly RoleName[] | null): Promise<void> => {
    await system.app.stop();
    const logger = createLogger({ level: 'info', file: system.logFile });
    system.app = roles === null ? system.newApp() : new App(system.configWith(text), roles, logger);
    system.startApp();
    await system.started();
  };
  await change(['watcher', 'transition']);
  await session.close();
  await until('its drain to be over', async () => (await system.instance(SERVICE, name))?.state === 'gone', { timeoutMs: 30_000 });
  expect((await system.servers(SERVICE)).get(name)).toMatchObject({ admin: 'ready' });
  await change(null);
  await until('it to be out of rotation', async () => (await system.servers(SERVICE)).get(name)?.admin !== 'ready');
  await until('the command to be on record', async () => (await sentCommands(system)).length > before);
  leaving.waiting[0]?.end('done');
  expect(await answer).toBe(200);
  await until('it to be gone', async () => !(await system.servers(SERVICE)).has(name), { timeoutMs: 30_000 });
  const sent = (await sentCommands(system)).slice(before).filter((command) => command.includes(name));
  const at = `${SERVICE}/${name}`;
  expect(sent.slice(0, 2)).toEqual([`set server ${at} state drain`, `set server ${at} state maint`]);
  expect(new Set(sent.slice(2))).toEqual(new Set([`del server ${at}`]));
}, 120_000);
