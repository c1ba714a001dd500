/** The demo's parts that need no server: the programs it looks for, the files it writes, its waiting, its load's count of failures. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, it } from 'vitest';
import { PROXY, paths, pointsmanConfig } from '../../cli/demo/files.ts';
import { Load } from '../../cli/demo/load.ts';
import { findPrograms } from '../../cli/demo/programs.ts';
import { until } from '../../cli/demo/until.ts';
import { configFromText } from '../../shared/config/load-config.ts';
import { until as untilTrue } from '../support/poll.ts';

const ALL = ['/opt/bin/haproxy', '/opt/bin/redis-server', '/opt/bin/java', '/usr/share/java/zookeeper.jar'];

it('finds the programs on the path, and haproxy where Debian has it', () => {
  const there = (files: readonly string[]) => (file: string) => files.includes(file);
  expect(findPrograms({ PATH: '/opt/bin' }, there(ALL))).toMatchObject({ haproxy: '/opt/bin/haproxy', java: '/opt/bin/java' });
  const debian = ['/usr/sbin/haproxy', ...ALL.slice(1)];
  expect(findPrograms({ PATH: '/opt/bin' }, there(debian)).haproxy).toBe('/usr/sbin/haproxy');
});

it.each([
  ['haproxy', 'haproxy'],
  ['redis-server', 'redis-server'],
  ['java', 'default-jre-headless'],
  ['zookeeper.jar', 'zookeeper'],
])('says that %s is missing, and the package that brings it', (program, debianPackage) => {
  const isThere = (file: string): boolean => ALL.includes(file) && !file.endsWith(`/${program}`);
  let caught: unknown;
  try {
    findPrograms({ PATH: '/opt/bin' }, isThere);
  } catch (error) {
    caught = error;
  }
  expect(caught).toMatchObject({
    code: 'TOOL_MISSING',
    message: expect.stringMatching(new RegExp(`: ${program}$`)),
    hint: expect.stringMatching(new RegExp(`recommends ${debianPackage}$`)),
  });
});

it('takes other places for the jars from the environment', () => {
  const isThere = (file: string): boolean => ALL.slice(0, 3).includes(file);
  expect(findPrograms({ PATH: '/opt/bin', ZOOKEEPER_CLASSPATH: '/opt/zk/*' }, isThere).zookeeper).toBe('/opt/zk/*');
});

it('writes a config that pointsman accepts', () => {
  const layout = { folder: '/tmp/demo', haproxy: '/usr/sbin/haproxy', ports: { zookeeper: 1, redis: 2, dashboard: 3, stats: 4 } };
  const services = [
    { name: 'a', port: 5 },
    { name: 'b', port: 6 },
  ];
  const config = configFromText(pointsmanConfig(layout, services), null);
  expect(config.services.map(({ name, listen, allow }) => [name, listen, allow.loopback])).toEqual([
    ['a', '127.0.0.1:5', true],
    ['b', '127.0.0.1:6', true],
  ]);
  expect(config.proxies.map(({ id, managed }) => [id, managed])).toEqual([[PROXY, paths.managed('/tmp/demo')]]);
});

it('waits no longer than it may, and says what it saw last', async () => {
  const { signal } = new AbortController();
  await expect(until('rain', () => false, { within: 60, signal, seen: () => 'sun' })).rejects.toThrow(
    'waited 60 ms for rain; last seen: sun',
  );
  const fail = (): never => {
    throw new Error('no window');
  };
  await expect(until('rain', fail, { within: 60, signal })).rejects.toThrow('last seen: no window');
  let looks = 0;
  expect(await until('the third look', () => ++looks === 3 && 'seen', { within: 5_000, signal })).toBe('seen');
});

it('stops waiting when it is called off', async () => {
  const abort = new AbortController();
  const waiting = until('rain', () => false, { within: 60_000, signal: abort.signal });
  abort.abort(new Error('called off'));
  await expect(waiting).rejects.toThrow('called off');
});

it('counts every request that did not get its 200', async () => {
  let turn = 0;
  const server = createServer((request, response) => {
    turn += 1;
    if (turn % 10 === 1) {
      request.socket.destroy();
      return;
    }
    response.writeHead(turn % 10 === 2 ? 503 : 200, { 'x-instance': 'one' });
    response.end('ok');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const load = new Load([{ service: 'a', port: (server.address() as AddressInfo).port }], 200);
  load.start();
  await untilTrue('a hundred requests', () => load.total >= 100);
  await load.stop();
  server.close();
  server.closeAllConnections();
  expect(load.total).toBe(turn);
  expect(load.failed).toBe(Math.ceil(turn / 10) + Math.ceil((turn - 1) / 10));
  expect(new Set(load.failures.map(({ what }) => what))).toEqual(new Set(['socket hang up', 'status 503']));
  expect(load.byInstance.get('one')).toBe(load.answered);
  expect(load.quantile(0.5)).toBeGreaterThan(0);
  expect(load.quantile(0.5)).toBeLessThanOrEqual(load.quantile(0.99));
});
