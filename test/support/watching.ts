/** A watcher on real Zookeeper, through a fault proxy, writing into a log in memory. */
import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest';
import type { ServiceConfig } from '../../shared/model/service-config.ts';
import { createLogger } from '../../shared/observability/logger.ts';
import { Watcher } from '../../workers/watcher/watcher.ts';
import { FaultProxy } from './fault-proxy.ts';
import { connectedLink, type TestLink } from './link.ts';
import { MemoryLog, MemoryWake, serviceConfig } from './memory-log.ts';
import { type PlainClient, plainClient } from './plain-client.ts';
import { until } from './poll.ts';
import { startZookeeper, type Zookeeper } from './zookeeper.ts';

export const SESSION_MS = 3_000;

export interface Running {
  readonly proxy: FaultProxy;
  readonly opened: TestLink;
  readonly watcher: Watcher;
}

export let zookeeper: Zookeeper;
export let plain: PlainClient;
export let root: string;
export let path: string;
export let tests = 0;
export let log: MemoryLog;
export let wake: MemoryWake;
export let running: Running[];
/** Of host names; a promise is a name server that takes its time. */
export let addresses: Record<string, string[] | Promise<string[]>>;

/** The hooks of a file whose tests run watchers: one Zookeeper for all, paths and a log of its own for each test. */
export function useWatching(): void {
  beforeAll(async () => {
    zookeeper = await startZookeeper();
    plain = await plainClient(zookeeper.connect);
  });
  afterAll(async () => {
    await plain?.close();
    await zookeeper?.stop();
  });
  beforeEach(async () => {
    root = `/pointsman-${++tests}`;
    path = `/services-${tests}/web`;
    await plain.ensure(path);
    log = new MemoryLog();
    wake = new MemoryWake();
    running = [];
    addresses = {};
  });
  afterEach(async () => {
    for (const { watcher, opened, proxy } of running) {
      await watcher.stop();
      await opened.link.stop();
      await proxy.close();
    }
  });
}

export async function start(services: readonly ServiceConfig[] = [serviceConfig('web', path)], rereadMs = 60_000): Promise<Running> {
  const proxy = await FaultProxy.start(zookeeper.servers[0]?.port ?? 0);
  const opened = await connectedLink(proxy.connect, { sessionTimeout: SESSION_MS });
  const lookup = async (host: string): Promise<string[]> => {
    const found = addresses[host];
    if (found === undefined) throw new Error(`ENOTFOUND ${host}`);
    return found;
  };
  const logger = createLogger({ level: (process.env.TEST_LOG as 'silent' | undefined) ?? 'silent' });
  const watcher = new Watcher({ link: opened.link, root, id: 'test', services, log, wake, logger, rereadMs, lookup });
  await watcher.start();
  const run = { proxy, opened, watcher };
  running.push(run);
  return run;
}

export const story = (service = 'web'): string[] => log.story(service);
export const fresh = (run: Running, service = 'web'): boolean =>
  run.watcher.status.services.find((one) => one.service === service)?.fresh === true;
export const freshly = (run: Running, service = 'web'): Promise<boolean> => until(`${service} to be fresh`, () => fresh(run, service));
export const tells = (...lines: string[]): Promise<boolean> =>
  until(`the log to end with ${lines.join(', ')}`, () => JSON.stringify(story().slice(-lines.length)) === JSON.stringify(lines));
