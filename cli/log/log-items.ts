/** The items of some logs, one stream after the other. */
import type { ProxyId, ServiceName } from '../../shared/model/ids.ts';
import type { LogItem } from '../../shared/model/log-item.ts';
import type { LogSource } from '../../shared/redis/log-source.ts';

export async function* logItems(source: LogSource, services: readonly ServiceName[], proxies: readonly ProxyId[]): AsyncGenerator<LogItem> {
  for (const service of services) yield* source.service(service);
  for (const proxy of proxies) yield* source.proxy(proxy);
}
