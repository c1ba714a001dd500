/** `pointsman run` as the registrar of a host: without Redis, by its config file and its signals, and with `down` and `up` beside it. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { cleanupsAfterEach } from '../support/cleanups.ts';
import { configFile, pointsman } from '../support/command.ts';
import { zookeeperOfFile } from '../support/file-zookeeper.ts';
import { tempFolder } from '../support/folder.ts';
import { HttpService } from '../support/http-service.ts';
import { startPointsman } from '../support/pointsman-process.ts';
import { until } from '../support/poll.ts';
import { freePort } from '../support/port.ts';
import { entryText } from '../support/registrar-host.ts';

const cleanups = cleanupsAfterEach();
const zookeeper = zookeeperOfFile();

/** A pointsman whose Redis is not there, and one entry of a service of this name. */
async function running(name: string) {
  const folder = await tempFolder();
  cleanups.push(() => folder.remove());
  const web = await HttpService.start();
  cleanups.push(() => web.stop());
  const entry = entryText(name, web.port).replace('drain: 0ms', 'drain: 1s');
  const redisPort = await freePort();
  const text = (register: string): string =>
    `zookeeper: { connect: "${zookeeper.connect}" }\nredis: { url: "redis://127.0.0.1:${redisPort}/0" }\nregistrar: { state: ${folder.path}/state }\nregister:\n${register}\n`;
  const file = await configFile(folder, text(entry));
  const logFile = join(folder.path, 'pointsman.log');
  const child = await startPointsman(file, { logFile });
  cleanups.push(() => child.stop());
  const path = `/services/${name}/127.0.0.1:${web.port}`;
  await until('the znode', () => zookeeper.hand.exists(path));
  const log = (): Promise<string> => readFile(logFile, 'utf8');
  return { child, file, entry, path, web, log, change: (register: string) => writeFile(file, text(register)) };
}

describe('a host whose Redis is away', () => {
  it('registers its services, and withdraws them before it ends', async () => {
    const { child, path, log } = await running('alone');
    await until('the line about Redis', async () => (await log()).includes('waiting for redis'));
    child.kill('SIGTERM');
    await until('the withdrawal', async () => (await zookeeper.hand.data(path)) === '{"weight":0}');
    expect(await child.exited).toMatchObject({ code: 0 });
    expect(await zookeeper.hand.exists(path)).toBe(false);
  }, 60_000);

  it('takes a changed file over while it runs', async () => {
    const { path, entry, change } = await running('changes');
    await change(entry.replace('drain: 1s', 'drain: 1s, weight: 4'));
    await until('the new weight', async () => (await zookeeper.hand.data(path)) === '{"weight":4}');
  });
});

describe('down and up', () => {
  it('take a service out, over a kill and a new start, and in again', async () => {
    const { child, file, path, log } = await running('kept');
    const down = await pointsman('down', 'kept', '--for', '1h', '--reason', 'new disk', '--config', file);
    expect(down).toMatchObject({ code: 0, err: '' });
    expect(down.out).toMatch(/^kept is down on this host until 2.*\ngone: 127\.0\.0\.1:\d+\n$/);
    expect(await zookeeper.hand.exists(path)).toBe(false);
    child.kill('SIGKILL');
    await child.exited;
    const before = (await log()).length;
    const next = await startPointsman(file, { logFile: join(file, '../pointsman.log') });
    cleanups.push(() => next.stop());
    await until('the checks to pass', async () => (await log()).slice(before).includes('its checks pass'));
    expect(await zookeeper.hand.exists(path)).toBe(false);
    expect(await pointsman('up', 'kept', '--config', file)).toMatchObject({ code: 0, err: '' });
    await until('the znode', () => zookeeper.hand.exists(path));
    expect(JSON.parse((await pointsman('up', 'kept', '--config', file, '--json')).out)).toEqual({ service: 'kept', was: false });
  }, 60_000);

  it('say what there is when the service is not one of this host, and what is not live', async () => {
    const { child, file, path } = await running('told');
    expect(await pointsman('down', 'other', '--config', file)).toMatchObject({
      code: 2,
      err: expect.stringContaining('it registers told'),
    });
    child.kill('SIGSTOP');
    cleanups.push(async () => child.kill('SIGCONT'));
    const down = await pointsman('down', 'told', '--config', file, '--json');
    expect(down.code).toBe(1);
    expect(JSON.parse(down.out)).toMatchObject({ service: 'told', until: null, left: [path] });
  }, 60_000);
});
