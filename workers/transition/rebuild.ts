/**
 * A service of which something stored cannot be read is built anew: one Lua call forgets it all but the log, where `rebuilt` stands, and the leading watcher
 * is asked to read Zookeeper again. Proxies keep what they have: nothing is known until the config is told, and nothing is complete until all is.
 */
import type { Redis } from 'ioredis';
import { errorText } from '../../shared/errors.ts';
import type { ServiceName } from '../../shared/model/ids.ts';
import type { Logger } from '../../shared/observability/logger.ts';
import type { Keys } from '../../shared/redis/keys.ts';
import type { ProxyStore } from '../../shared/redis/proxy-store.ts';
import { tellResync } from '../../shared/redis/resync-channel.ts';
import type { ServiceStore } from '../../shared/redis/service-store.ts';
import type { Unreadable } from './stored.ts';

export interface RebuildPorts {
  readonly redis: Redis;
  readonly keys: Keys;
  readonly store: ServiceStore;
  readonly proxies: ProxyStore;
  readonly logger: Logger;
}

/** @throws the error, when the service was built anew only a moment ago: the next sweep comes by again. */
export async function rebuild(ports: RebuildPorts, service: ServiceName, unreadable: Unreadable): Promise<void> {
  const { redis, keys, store, proxies, logger } = ports;
  const announced = (await proxies.announced()).map(({ id }) => id);
  const done = await store.rebuild(service, unreadable.revision, unreadable.message, announced, Date.now());
  // Whoever was first may have left it readable.
  if (!done && (await store.head(service)).revision === unreadable.revision) throw unreadable;
  if (!done) return;
  logger.error(
    { service, error: unreadable.message },
    'what is stored of a service cannot be read: it is built anew, nothing is removed meanwhile',
  );
  const heard = await tellResync(redis, keys, service).catch((error: unknown) => {
    logger.warn({ service, error: errorText(error) }, 'the watchers were not asked to read the service again');
    return true;
  });
  if (!heard) logger.warn({ service }, 'no watcher listens: the service is read again when one does');
}
