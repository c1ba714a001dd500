/** What proxies said that nobody hears of any more, on a real Redis. */
import { describe, expect, it } from 'vitest';
import type { Verdict } from '../../shared/model/event.ts';
import type { ProxyId } from '../../shared/model/ids.ts';
import type { Ports } from '../../workers/app.ts';
import { foldService } from '../../workers/transition/fold-service.ts';
import { FORGOTTEN_MS, SILENT_MS, SilentProxies } from '../../workers/transition/silent-proxies.ts';
import { redisPorts } from '../support/redis-ports.ts';
import { registration, serviceConfig } from '../support/service-events.ts';

let ports: Ports;

redisPorts((is) => {
  ports = is.ports;
});

const ID = '10.0.0.1:80';

/** An instance that each of these proxies sees so; each was last looked at so many ms ago. */
async function seenBy(proxies: Readonly<Record<ProxyId, { verdict: Verdict; silence: number }>>, now: number): Promise<void> {
  const { revision } = await ports.log.readView('web');
  const znode = { name: ID, version: 0, czxid: '1', mzxid: '1' };
  await ports.log.append('web', {
    epoch: 1,
    viewRevision: revision,
    set: new Map(),
    remove: [],
    events: [
      { type: 'configured', config: serviceConfig() },
      { type: 'registered', instance: ID, znode, said: { registration: registration(80) } },
    ],
  });
  for (const [proxy, { verdict, silence }] of Object.entries(proxies)) {
    await ports.proxies.announce({ id: proxy, pool: proxy, services: ['*'], version: null, at: now - silence });
    await ports.proxies.looked(proxy, now - silence);
    await ports.log.tellHealth('web', proxy, [{ instance: ID, from: 'absent', to: verdict }]);
  }
  await foldService(ports, 'web', now);
}

async function health(): Promise<unknown> {
  const now = Date.now();
  await foldService(ports, 'web', now);
  const json = (await ports.store.instances('web', [ID])).get(ID);
  return (JSON.parse(json ?? 'null') as { context: { health: unknown } } | null)?.context.health;
}

async function announced(): Promise<ProxyId[]> {
  return (await ports.proxies.announced()).map(({ id }) => id);
}

describe('what a proxy said that has been silent for long', () => {
  it('counts no more once another proxy of the service is heard of', async () => {
    const now = Date.now();
    await seenBy({ gone: { verdict: 'up', silence: SILENT_MS + 1 }, here: { verdict: 'down', silence: 1_000 } }, now);
    expect(await health()).toMatchObject({ up: 1, down: 1 });
    await new SilentProxies(ports).sweep(now);
    expect(await health()).toMatchObject({ up: 0, down: 1 });
    expect(await ports.log.verdicts('web', 'gone')).toEqual(new Map());
    expect(await announced()).toEqual(['gone', 'here']);
  });

  it('counts as long as nobody else is heard of: then it is we who do not see', async () => {
    const now = Date.now();
    await seenBy({ a: { verdict: 'up', silence: FORGOTTEN_MS * 2 }, b: { verdict: 'up', silence: SILENT_MS + 1 } }, now);
    await new SilentProxies(ports).sweep(now);
    expect(await health()).toMatchObject({ up: 2 });
    expect(await announced()).toEqual(['a', 'b']);
  });

  it('counts within that time', async () => {
    const now = Date.now();
    await seenBy({ late: { verdict: 'up', silence: SILENT_MS - 1 }, here: { verdict: 'up', silence: 0 } }, now);
    await new SilentProxies(ports).sweep(now);
    expect(await health()).toMatchObject({ up: 2 });
  });

  it('is told anew when it comes back, and withdrawn again when it falls silent again', async () => {
    const now = Date.now();
    await seenBy({ gone: { verdict: 'up', silence: SILENT_MS + 1 }, here: { verdict: 'up', silence: 0 } }, now);
    const sweeper = new SilentProxies(ports);
    await sweeper.sweep(now);
    expect(await health()).toMatchObject({ up: 1 });
    await ports.proxies.looked('gone', now);
    await ports.log.tellHealth('web', 'gone', [{ instance: ID, from: 'absent', to: 'up' }]);
    await sweeper.sweep(now);
    expect(await health()).toMatchObject({ up: 2 });
    await ports.proxies.looked('here', now + SILENT_MS);
    await sweeper.sweep(now + SILENT_MS + 1);
    expect(await health()).toMatchObject({ up: 1 });
  });

  it('is forgotten with the proxy after a week', async () => {
    const now = Date.now();
    await seenBy({ gone: { verdict: 'up', silence: FORGOTTEN_MS + 1 }, here: { verdict: 'up', silence: 0 } }, now);
    await ports.proxies.mark(['gone'], new Map([['web', 3]]));
    await new SilentProxies(ports).sweep(now);
    expect(await announced()).toEqual(['here']);
    expect(await ports.proxies.dirty('gone')).toEqual(new Map());
    expect(await ports.proxies.state('gone')).toEqual({});
    expect(await health()).toMatchObject({ up: 1 });
  });
});
