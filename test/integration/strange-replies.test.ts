/**
 * What a whole pointsman does with a HAProxy that says strange things: answers nobody knows, and notices of its own in the midst of all that it is
 * asked. An answer that is not understood is told with its command, and looked behind; it is never taken for success.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { cleanupsAfterEach } from '../support/cleanups.ts';
import { Pipeline } from '../support/pipeline.ts';
import { until } from '../support/poll.ts';
import { RuntimeRelay } from '../support/runtime-relay.ts';
import { serviceConfig } from '../support/samples.ts';

const cleanups = cleanupsAfterEach();

/** A pipeline that reaches HAProxy through the relay from its first connection on. */
async function start(): Promise<{ pipeline: Pipeline; relay: RuntimeRelay }> {
  // The socket's path is known once HAProxy is prepared, and the port must be known before: so the relay is told the path late.
  let path = '/nowhere/admin.sock';
  const relay = await RuntimeRelay.start(() => path);
  cleanups.push(async () => relay.close());
  const starting = Pipeline.start({ proxy: { runtime: { kind: 'tcp', host: '127.0.0.1', port: relay.port } }, managedBy: 'others' });
  const pipeline = await starting;
  cleanups.push(() => pipeline.stop());
  path = pipeline.haproxy.runtime.path;
  await pipeline.startHaproxy();
  await pipeline.configure(serviceConfig({ name: 'web', check: { type: 'none' } }));
  await pipeline.tell('web', pipeline.registered(9));
  await inSync(pipeline);
  return { pipeline, relay };
}

async function inSync(pipeline: Pipeline): Promise<void> {
  await until('the backend to be in sync', async () => (await pipeline.backendState('web')) === 'in-sync', { timeoutMs: 30_000 });
}

async function has(pipeline: Pipeline, port: number): Promise<boolean> {
  return ((await pipeline.haproxy.cli('show servers state web'))[0] ?? '').includes(` 127.0.0.1:${port} `);
}

async function logged(pipeline: Pipeline, msg: string): Promise<{ error?: string }[]> {
  const lines = (await readFile(join(pipeline.folder.path, 'pointsman.log'), 'utf8')).trim().split('\n');
  return lines.map((line) => JSON.parse(line) as { msg: string; error?: string }).filter((line) => line.msg === msg);
}

it('an answer that nobody knows to a command that was not done: it is told, looked behind, and done again', async () => {
  const { pipeline, relay } = await start();
  let spoilt = 0;
  relay.toHaproxy = (text) =>
    spoilt === 0
      ? text.replace('add server web/127.0.0.1:10 ', () => {
          spoilt += 1;
          return 'adx server web/127.0.0.1:10 ';
        })
      : text;
  await pipeline.tell('web', pipeline.registered(10));
  await until('the server', () => has(pipeline, 10), { timeoutMs: 20_000 });
  await inSync(pipeline);
  expect(spoilt).toBe(1);
  const [told, ...more] = await logged(pipeline, 'haproxy gave an unexpected reply');
  expect(more).toEqual([]);
  expect(told?.error).toMatch(/^HAProxy answered "add server web\/127\.0\.0\.1:10 .*" with "\[6\]: Unknown command/);
  expect(told?.error?.length).toBeLessThan(1_000);
}, 60_000);

it('an answer that nobody knows to a command that was done: it is told, and not done twice', async () => {
  const { pipeline, relay } = await start();
  let adds = 0;
  relay.toHaproxy = (text) => {
    adds += text.split('add server web/127.0.0.1:10 ').length - 1;
    return text;
  };
  relay.toClient = (text) => text.replace('New server registered.', 'A thing was done.');
  await pipeline.tell('web', pipeline.registered(10));
  await until('the answer to be told', async () => (await logged(pipeline, 'haproxy gave an unexpected reply')).length > 0);
  await inSync(pipeline);
  expect(await has(pipeline, 10)).toBe(true);
  expect(adds).toBe(1);
}, 60_000);

it('notices of HAProxy before, in and behind every answer change nothing', async () => {
  const { pipeline, relay } = await start();
  const notices =
    'Server web/other is UP, reason: Layer4 check passed, check duration: 0ms. 1 active and 0 backup servers online. 0 sessions requeued, 0 total in queue.\n' +
    "[1]: backend 'web' has no server available!\n";
  let put = 0;
  relay.toClient = (text) =>
    text.replace(/\n> |\n(?=\d+ web \d+ |# |Pid: )/g, (at) => {
      put += 1;
      return at === '\n> ' ? `\n${notices}\n> ${notices}` : `\n${notices}`;
    });
  await pipeline.tell('web', pipeline.registered(10), pipeline.deregistered(9));
  await until('the change', async () => (await has(pipeline, 10)) && !(await has(pipeline, 9)), { timeoutMs: 20_000 });
  await pipeline.tell('web', pipeline.registered(10, { weight: 7 }));
  await until('the weight', async () =>
    / 127\.0\.0\.1:10 127\.0\.0\.1 2 \d 7 /.test((await pipeline.haproxy.cli('show servers state web'))[0] ?? ''),
  );
  await inSync(pipeline);
  expect(put).toBeGreaterThan(50);
  expect(await logged(pipeline, 'haproxy gave an unexpected reply')).toEqual([]);
}, 60_000);
