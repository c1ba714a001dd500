/** `pointsman resync`: the watcher reads again, and every proxy is looked at; also after Redis has lost everything. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createLogger } from '../../shared/observability/logger.ts';
import { App } from '../../workers/app.ts';
import { configFile, type Ended, pointsman } from '../support/command.ts';
import { configOf } from '../support/config-text.ts';
import { until } from '../support/poll.ts';
import { freePort } from '../support/port.ts';
import { System } from '../support/system.ts';

const WEB = '  web: { path: /services/web/instances, check: none, allow: { loopback: true }, guard: { maxLoss: 1 } }';

let system: System;
let file: string;
const names: string[] = [];
const resync = (...args: string[]): Promise<Ended> => pointsman('resync', '--config', file, ...args);

interface Found {
  readonly services: readonly { readonly service: string; readonly znodes: number; readonly missing: number; readonly events: number }[];
  readonly woken: readonly string[];
  readonly silent: readonly string[];
}

/** Without an observer: nobody but a resync (or the reconciler's own full pass, every 30 s) notices what is done by hand. */
beforeAll(async () => {
  system = await System.start({
    services: WEB,
    haproxy: '  override: repair\n  drainTimeout: 2s',
    roles: ['watcher', 'transition', 'reconciler'],
  });
  file = await configFile(system.folder, system.text(WEB));
  for (let count = 0; count < 2; count += 1) {
    const name = `127.0.0.1:${await freePort()}`;
    names.push(name);
    await system.register('web', name);
  }
  await system.serving('web', names, 30_000);
}, 90_000);

afterAll(() => system.stop());

describe('resync', () => {
  it('prints what was found and has every proxy looked at', async () => {
    const [first] = names;
    await system.haproxy.cli(`set server web/${first} weight 77`);
    const { code, out } = await resync();
    expect(code).toBe(0);
    expect(out).toMatch(/^watcher \S+ \d+ has read Zookeeper again\n/);
    expect(out).toMatch(/^web +2 +nothing new$/m);
    expect(out).toContain('looking at it now: edge');
    await until('the weight by hand to be mended', async () => (await system.servers('web')).get(first ?? '')?.weight === 1, {
      timeoutMs: 8_000,
    });
  });

  it('of one service answers for that one', async () => {
    const { code, out } = await resync('web', '--json');
    expect(code).toBe(0);
    expect(JSON.parse(out) as Found).toMatchObject({
      services: [{ service: 'web', znodes: 2, missing: 0, events: 0 }],
      woken: ['edge'],
      silent: [],
    });
  });

  it('of a service that no watcher has is refused', async () => {
    const { code, err } = await resync('wev');
    expect(code).toBe(2);
    expect(err).toContain('the watcher has no service "wev"');
  });

  it('brings back what Redis has lost', async () => {
    await system.redis?.client.flushall();
    const { code, out } = await resync('--json');
    expect(code).toBe(0);
    const { services } = JSON.parse(out) as Found;
    expect(services).toMatchObject([{ service: 'web', znodes: 2 }]);
    // Its config and its two instances, told again by this resync.
    expect(services[0]?.events).toBeGreaterThanOrEqual(2);
    await until('the instances to be on record again', async () => (await system.app.ports.store.instances('web', 'all')).size === 2);
    await system.serving('web', names);
  });
});

describe('without a watcher that can do it', () => {
  it('says that none listens, at once', async () => {
    const elsewhere = await configFile(system.folder, system.text(WEB).replace('prefix: test', 'prefix: elsewhere'), 'elsewhere.yaml');
    const { code, out, err } = await pointsman('resync', '--config', elsewhere);
    expect({ code, out }).toEqual({ code: 1, out: '' });
    expect(err).toMatch(/^error: no watcher listens on this Redis\n[^\n]*--roles watcher[^\n]*\n$/);
  });

  it('says so when its Zookeeper is not there', async () => {
    const waiting = system.text(WEB).replace('prefix: test', 'prefix: waiting').replace(system.zookeeper.connect, '127.0.0.1:1');
    const app = new App(configOf(waiting), ['watcher'], createLogger({ level: 'silent' }));
    await app.start();
    try {
      const path = await configFile(system.folder, waiting, 'waiting.yaml');
      const ended = await until('the watcher to listen', async () => {
        const result = await pointsman('resync', '--config', path);
        return result.err.includes('none listens') || result.err.includes('no watcher listens') ? null : result;
      });
      expect(ended.code).toBe(1);
      expect(ended.err).toMatch(/^error: watcher \S+ \d+: it has no connection to Zookeeper/);
    } finally {
      await app.stop();
    }
  });

  it('says so when its Zookeeper went away', async () => {
    await system.zookeeper.server.kill();
    const { code, err } = await resync();
    expect(code).toBe(1);
    expect(err).toMatch(/^error: watcher \S+ \d+: it has no connection to Zookeeper[^\n]*\n[^\n]*reachable[^\n]*\n$/);
  });
});
