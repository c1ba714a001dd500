/** A runtime socket that may only read, on a real HAProxy: the backend is blocked, and says which command and why, until commands are taken. */
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { BackendSnapshot } from '../../machines/backend.ts';
import { cleanupsAfterEach } from '../support/cleanups.ts';
import { tempFolder } from '../support/folder.ts';
import { Pipeline } from '../support/pipeline.ts';
import { until } from '../support/poll.ts';
import { RuntimeRelay } from '../support/runtime-relay.ts';
import { serviceConfig } from '../support/samples.ts';

const cleanups = cleanupsAfterEach();

it('a socket without level admin: blocked with the command and the reply, and in sync once it may', async () => {
  const folder = await tempFolder();
  cleanups.push(() => folder.remove());
  let path = join(folder.path, 'operator.sock');
  const relay = await RuntimeRelay.start(() => path);
  cleanups.push(async () => relay.close());
  const sections = `  stats socket ${path} mode 600 level operator
defaults base
  mode http
  timeout connect 2s
  timeout client 10s
  timeout server 10s
`;
  const on = await Pipeline.start({ sections, proxy: { runtime: { kind: 'tcp', host: '127.0.0.1', port: relay.port } } });
  cleanups.push(() => on.stop());
  await on.configure(serviceConfig({ name: 'web', check: { type: 'none' } }));
  await on.tell('web', on.registered(9), on.registered(10), { type: 'complete' });
  await until('the reload', async () => (await on.backendState('web')) === 'in-sync', { timeoutMs: 20_000 });

  await on.tell('web', on.registered(11), on.registered(9, { weight: 5 }));
  const blocked = await until('it to be blocked', () => standing(on, 'blocked'), { timeoutMs: 20_000 });
  expect(blocked.context.detail).toMatch(
    /^HAProxy refused "add server web\/127.0.0.1:11 127.0.0.1 port 11 id \d+ weight 1" \(and 1 more\): .*Permission denied.*; the runtime socket needs `level admin`$/,
  );
  expect(blocked.context.nextTry).toBeGreaterThan(Date.now());
  // Tried again, and it stays: a try in between is not told as progress.
  const tries = await announced(on);
  await until('another try', async () => (await announced(on)) > tries, { timeoutMs: 20_000 });
  expect(await standing(on, 'blocked')).toMatchObject({ context: { since: blocked.context.since } });

  path = on.haproxy.runtime.path;
  await until('it to be in sync', () => standing(on, 'in-sync'), { timeoutMs: 40_000 });
  expect((await on.haproxy.cli('show servers state web'))[0]).toContain(' 127.0.0.1:11 ');
}, 120_000);

async function standing(on: Pipeline, state: string): Promise<BackendSnapshot | false> {
  const json = await on.app.ports.proxies.backend('edge', 'web');
  const snapshot = json === null ? null : (JSON.parse(json) as BackendSnapshot);
  return snapshot?.state === state && snapshot;
}

async function announced(on: Pipeline): Promise<number> {
  const entries = await on.app.ports.redis.xrange(on.app.ports.keys.proxy('edge').log, '-', '+');
  return entries.filter(([, fields]) => fields[fields.indexOf('type') + 1] === 'patching').length;
}
