/** `pointsman run` with services that register themselves, by its process: killed, ended and started again, and `down` beside it. */
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { cleanupsAfterEach } from '../support/cleanups.ts';
import { configFile, pointsman } from '../support/command.ts';
import { zookeeperOfFile } from '../support/file-zookeeper.ts';
import { tempFolder } from '../support/folder.ts';
import { startPointsman } from '../support/pointsman-process.ts';
import { until } from '../support/poll.ts';
import { freePort } from '../support/port.ts';
import type { StartedProcess } from '../support/process.ts';
import { askRegistrar } from '../support/register-request.ts';

const cleanups = cleanupsAfterEach();
const PATH = '/services/asks';
const zookeeper = zookeeperOfFile();

/** A host without Redis; its service renews at these ports, five times a second, whether it is heard or not. */
async function running(ports: readonly number[] = [80, 85]) {
  const folder = await tempFolder();
  cleanups.push(() => folder.remove());
  const port = await freePort();
  const file = await configFile(
    folder,
    `zookeeper: { connect: "${zookeeper.connect}", sessionTimeout: 6s }
redis: { url: "redis://127.0.0.1:${await freePort()}/0" }
registrar: { state: ${folder.path}/state, listen: "127.0.0.1:${port}" }
register:
  - { service: asks, path: ${PATH}, address: "10.0.0.5:80", by: service, ttl: 3s, drain: 500ms, allow: { ports: 81-89 } }
`,
  );
  const start = async (): Promise<StartedProcess> => {
    const child = await startPointsman(file, { logFile: join(folder.path, 'log') });
    cleanups.push(() => child.stop());
    return child;
  };
  const child = await start();
  const renew = setInterval(() => {
    for (const at of ports) void askRegistrar(port, `/v1/register?service=asks&port=${at}`).catch(() => undefined);
  }, 200);
  cleanups.push(async () => clearInterval(renew));
  const both = async (): Promise<boolean> => (await children()).join(' ') === ports.map((at) => `10.0.0.5:${at}`).join(' ');
  await until('both', both, { timeoutMs: 20_000 });
  return { file, child, start, both };
}

async function children(): Promise<string[]> {
  return (await zookeeper.hand.children(PATH).catch(() => [])).sort();
}

it('a process that is killed and started again loses no znode, and makes none twice', async () => {
  const { child, start, both } = await running();
  const seen: string[] = [];
  const watch = setInterval(() => void children().then((names) => seen.push(names.join(' '))), 20);
  cleanups.push(async () => clearInterval(watch));
  const before = await zookeeper.hand.written(`${PATH}/10.0.0.5:85`);
  child.kill('SIGKILL');
  await child.exited;
  await start();
  await until('it to be taken over', async () => (await zookeeper.hand.written(`${PATH}/10.0.0.5:85`)) !== before, { timeoutMs: 20_000 });
  const taken = seen.length;
  // Longer than the dead session lives.
  await until('the end of the dead session', () => seen.length > taken + 350, { timeoutMs: 30_000 });
  expect([...new Set(seen)]).toEqual(['10.0.0.5:80 10.0.0.5:85']);
  expect(await both()).toBe(true);
}, 90_000);

it('one that is suspended for longer than the TTL takes nobody for dead', async () => {
  const { child, both } = await running();
  const written = await zookeeper.hand.written(`${PATH}/10.0.0.5:80`);
  child.kill('SIGSTOP');
  const until4s = performance.now() + 4_000;
  await until('four seconds', () => performance.now() > until4s);
  child.kill('SIGCONT');
  const later = performance.now() + 2_000;
  await until('two more, with both there', async () => {
    expect(await both()).toBe(true);
    return performance.now() > later;
  });
  expect(await zookeeper.hand.written(`${PATH}/10.0.0.5:80`)).toBe(written);
}, 60_000);

it('SIGTERM withdraws what is registered, and the next renewal after the new start registers it again', async () => {
  const { child, start, both } = await running();
  child.kill('SIGTERM');
  expect(await child.exited).toMatchObject({ code: 0 });
  expect(await children()).toEqual([]);
  await start();
  await until('both', both, { timeoutMs: 20_000 });
}, 60_000);

it('down takes out what registered itself at whichever port, though it renews; up lets it in again', async () => {
  const { file, both } = await running([85]);
  const down = await pointsman('down', 'asks', '--config', file);
  expect(down).toMatchObject({ code: 0, err: '', out: expect.stringContaining('gone: 10.0.0.5:80 (ports 81-89)') });
  expect(await children()).toEqual([]);
  expect(await pointsman('up', 'asks', '--config', file)).toMatchObject({ code: 0 });
  await until('both', both);
}, 60_000);
