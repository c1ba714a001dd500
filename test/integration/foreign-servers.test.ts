/** Servers that somebody adds to our backend on a real HAProxy, as he left them: through a reload of ours, of others, and a restart. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { ObservedServer } from '../../shared/model/observed.ts';
import type { ServiceConfig } from '../../shared/model/service-config.ts';
import { begun, inSync, isUp, known, looks, type Story, sent, servers } from '../support/by-hand-story.ts';
import { cleanupsAfterEach } from '../support/cleanups.ts';
import { HttpService, startHttpServices } from '../support/http-service.ts';
import { until } from '../support/poll.ts';

const cleanups = cleanupsAfterEach();
const HIS = ['his-maint foreign server, maint', 'his-drain foreign server, drain', 'his-down foreign server', 'his-up foreign server'];

/** Four servers of his, with a check: in maint, in drain, down and up. Answers the one that is down, which is to come back. */
async function added({ on }: Story): Promise<{ returns: () => Promise<void> }> {
  const services = await startHttpServices(4);
  cleanups.push(() => Promise.all(services.map((service) => service.stop())));
  const name = ['his-maint', 'his-drain', 'his-down', 'his-up'];
  for (const [index, service] of services.entries()) {
    const at = `web/${name[index]}`;
    await on.haproxy.cli(
      `add server ${at} 127.0.0.1:${service.port} id ${5_000 + index} weight 2 check inter 100 rise 1 fall 1`,
      `enable health ${at}`,
      `set server ${at} state ready`,
    );
  }
  const down = services[2] ?? expect.fail('a service');
  const { port } = down;
  await down.stop();
  await until('one to be down', async () => (await seen(on, 'his-down'))?.operation === 'stopped');
  await on.haproxy.cli('set server web/his-maint state maint', 'set server web/his-drain state drain');
  await known(on, ...HIS);
  await inSync(on);
  return {
    returns: async () => {
      const again = await HttpService.start(port);
      cleanups.push(() => again.stop());
    },
  };
}

async function seen(on: Story['on'], name: string): Promise<ObservedServer | undefined> {
  return (await servers(on)).get(name);
}

it.each(['our own reload', "somebody else's reload", 'a restart'])(
  'are as he left them after %s',
  async (way) => {
    const story = await begun(cleanups, 2);
    const { on, config } = story;
    const { returns } = await added(story);
    const file = (): Promise<string> => readFile(join(on.managed, 'service-web.cfg'), 'utf8');
    await until('the file', async () => (await file()).match(/ server his-\S+ /g)?.length === 4);
    const pid = await on.haproxy.workerPid();
    const before = (await sent(on)).length;
    const other: Partial<ServiceConfig> = { timeouts: { ...config.timeouts, queue: 1_500 } };
    if (way === 'our own reload') await on.configure({ ...config, ...other });
    else if (way === 'a restart') await on.haproxy.restart();
    else await on.haproxy.reload();
    await until('another worker', async () => (await on.haproxy.workerPid()) !== pid, { timeoutMs: 15_000 });
    await until('the drain', async () => (await seen(on, 'his-drain'))?.admin === 'drain', { timeoutMs: 15_000 });
    await until('the one that is up', async () => isUp(await seen(on, 'his-up')));
    expect((await seen(on, 'his-maint'))?.admin).toBe('maint');
    await until('the one that is down to be in', async () => (await seen(on, 'his-down'))?.admin === 'ready', { timeoutMs: 15_000 });
    expect((await seen(on, 'his-down'))?.operation).toBe('stopped');
    await looks(on);
    await inSync(on);
    await known(on, ...HIS);
    expect((await sent(on)).slice(before).map(({ command }) => command)).toEqual([
      'admit server web/his-down',
      'set server web/his-drain state drain',
    ]);
    await returns();
    await until('the one that was down to serve', async () => isUp(await seen(on, 'his-down')));
    // What he does then is his again.
    await on.haproxy.cli('set server web/his-down state maint', 'set server web/his-drain state ready');
    await known(
      on,
      'his-maint foreign server, maint',
      'his-drain foreign server',
      'his-down foreign server, maint',
      'his-up foreign server',
    );
    expect((await sent(on)).length).toBe(before + 2);
  },
  90_000,
);
