/** A registration over the life of an ensemble: members that go one by one, and all of them at once. */
import { expect, it } from 'vitest';
import { cleanupsAfterEach } from '../support/cleanups.ts';
import { HttpService } from '../support/http-service.ts';
import { connectedLink } from '../support/link.ts';
import { until } from '../support/poll.ts';
import { entryText, RegistrarHost } from '../support/registrar-host.ts';
import { startEnsemble } from '../support/zookeeper.ts';

const cleanups = cleanupsAfterEach();

it('stays over the restart of each member in turn, and is back within 2 s of an ensemble that was away', { timeout: 120_000 }, async () => {
  const ensemble = await startEnsemble();
  cleanups.push(() => ensemble.stop());
  const web = await HttpService.start();
  cleanups.push(() => web.stop());
  const host = await RegistrarHost.start({ connect: ensemble.connect, register: entryText('web', web.port) });
  cleanups.push(() => host.stop());
  const looking = await connectedLink(ensemble.connect);
  cleanups.push(() => looking.link.stop());
  const path = `/services/web/127.0.0.1:${web.port}`;
  /** null: it cannot be said now. */
  const owner = async (): Promise<string | false | null> => {
    try {
      return (await looking.link.exists(path))?.ephemeralOwner ?? false;
    } catch {
      return null;
    }
  };
  const first = await until('the znode', owner);
  const seen = new Set<string | false | null>();
  for (const member of ensemble.servers) {
    await member.kill();
    await until('a new connection of whoever had the old one', async () => {
      const now = await owner();
      seen.add(now);
      return now !== null && (await host.isConnected());
    });
    await member.start();
    await member.ready();
  }
  expect([...seen].filter((one) => one !== null)).toEqual([first]);
  expect((await host.log()).filter(({ msg }) => msg === 'registered')).toHaveLength(1);

  await Promise.all(ensemble.servers.map((member) => member.kill()));
  const checks = web.healthChecks;
  await until('checks for as long as it is away', () => web.healthChecks > checks + 20);
  for (const member of ensemble.servers) await member.start();
  await Promise.all(ensemble.servers.map((member) => member.ready()));
  const back = performance.now();
  await until('the znode under a session that is there', async () => (await host.isConnected()) && (await owner()) !== false);
  expect(performance.now() - back).toBeLessThan(2_000);
});
