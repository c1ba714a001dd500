/** The wiring: a role that cannot start holds up no other one and is tried again, and what starts gets the config of that moment. */
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { Config } from '../../shared/config/config.ts';
import { PointsmanError } from '../../shared/errors.ts';
import type { ServiceConfig } from '../../shared/model/service-config.ts';
import { createLogger } from '../../shared/observability/logger.ts';
import type { Role } from '../../shared/runtime/role.ts';
import { App } from '../../workers/app.ts';
import { configOf } from '../support/config-text.ts';
import { until } from '../support/poll.ts';
import { type RedisServer, startRedis } from '../support/redis.ts';

const story = vi.hoisted(() => ({
  /** What became of each part that the app made, in order. */
  told: [] as string[],
  failures: 0,
  loading: Promise.withResolvers<void>(),
  loaded: Promise.withResolvers<void>(),
  watched: [] as string[],
}));

vi.mock('../../workers/transition/transition.ts', () => ({
  Transition: class implements Role {
    readonly name = 'transition';
    async start(): Promise<void> {
      story.told.push('start');
      if (story.failures-- > 0)
        throw new PointsmanError('FILE_WRITE_FAILED', 'the folder is full', { hint: 'make room', retry: 'transient' });
    }
    async stop(): Promise<void> {
      story.told.push('stop');
    }
  },
}));
vi.mock('../../workers/observer/observer.ts', () => ({
  Observer: class implements Role {
    readonly name = 'observer';
    async start(): Promise<void> {
      story.told.push('another role');
    }
    async stop(): Promise<void> {}
  },
}));
vi.mock('../../workers/watcher/main.ts', async () => {
  story.loading.resolve();
  await story.loaded.promise;
  return {
    WatcherRole: class implements Role {
      readonly name = 'watcher';
      readonly status = { leader: false, services: [] };
      constructor(config: Config) {
        this.#take(config.services);
      }
      async start(): Promise<void> {}
      async stop(): Promise<void> {}
      async resync(): Promise<boolean> {
        return false;
      }
      async reconfigure(services: readonly ServiceConfig[]): Promise<void> {
        this.#take(services);
      }
      #take(services: readonly ServiceConfig[]): void {
        story.watched = services.map(({ name }) => name);
      }
    },
  };
});

let redis: RedisServer;
let app: App | null;

beforeEach(async () => {
  redis = await startRedis();
  app = null;
  story.told = [];
});
afterEach(async () => {
  story.loaded.resolve();
  await app?.stop();
  await redis.stop();
});

function config(...services: string[]): Config {
  return configOf(`zookeeper: { connect: "127.0.0.1:1" }
redis: { url: "${redis.url}", prefix: test }
services: { ${services.map((name) => `${name}: { path: /services/${name} }`).join(', ')} }
`);
}

it('a role that cannot start is let go of and tried again, and the others go on', async () => {
  story.failures = 2;
  app = new App(config('a'), ['transition', 'observer'], createLogger({ level: 'silent' }));
  await app.start();
  expect(story.told).toEqual(['start', 'stop', 'another role']);
  await until('the role to be at work', () => story.told.filter((what) => what === 'start').length === 3, { timeoutMs: 10_000 });
  expect(story.told).toEqual(['start', 'stop', 'another role', 'start', 'stop', 'start']);
});

it('a role that never can start does not hold up the end', async () => {
  story.failures = Number.POSITIVE_INFINITY;
  app = new App(config('a'), ['transition'], createLogger({ level: 'silent' }));
  await app.start();
  await app.stop();
  const { length } = story.told;
  expect(story.told.filter((what) => what === 'start')).toHaveLength(story.told.filter((what) => what === 'stop').length);
  await expect(until('another attempt', () => story.told.length > length, { timeoutMs: 2_000 })).rejects.toThrow('another attempt');
});

it('a role starts with the config of that moment, also when it changed while its code was loaded', async () => {
  app = new App(config('before'), ['watcher'], createLogger({ level: 'silent' }));
  const started = app.start();
  await story.loading.promise;
  await app.reconfigure(config('before', 'after'));
  story.loaded.resolve();
  await started;
  expect(story.watched).toEqual(['after', 'before']);
});
