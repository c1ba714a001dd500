/** Answers resync requests with what the watcher of this process finds. */
import { hostname } from 'node:os';
import type { Redis } from 'ioredis';
import type { ServiceName } from '../../shared/model/ids.ts';
import type { Logger } from '../../shared/observability/logger.ts';
import type { Keys } from '../../shared/redis/keys.ts';
import { type ResyncHandler, ResyncListener } from '../../shared/redis/resync-channel.ts';
import type { Role } from '../../shared/runtime/role.ts';

/** What of a watcher is needed here. */
export interface Resyncing {
  /** @returns false: another watcher leads, or the service is not watched. */
  resync(service?: ServiceName): Promise<boolean>;
  readonly status: {
    readonly leader: boolean;
    readonly services: readonly { readonly service: ServiceName; readonly children: number; readonly missing: number }[];
  };
}

export function resyncListener(watcher: Resyncing, ports: { redis: Redis; keys: Keys; logger: Logger }): Role {
  const { redis, keys, logger } = ports;
  const listener = new ResyncListener({ redis, keys, logger, watcher: `${hostname()} ${process.pid}`, handle: answerResync(watcher) });
  return { name: 'watcher', start: async () => listener.start(), stop: async () => listener.stop() };
}

export function answerResync(watcher: Resyncing): ResyncHandler {
  return async (service) => {
    const done = await watcher.resync(service ?? undefined);
    const { leader, services } = watcher.status;
    if (!done) return { outcome: leader ? 'not-watched' : 'standing-by', services: [], detail: null };
    const read = services.filter((one) => service === null || one.service === service);
    return { outcome: 'done', services: read.map(({ service, children, missing }) => ({ service, children, missing })), detail: null };
  };
}
