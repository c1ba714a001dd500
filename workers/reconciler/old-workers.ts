/** What is kept of a proxy's old workers and reloads, for `status` and the metrics. */
import { countOldWorkers } from '../../shared/haproxy/old-workers.ts';
import { reloadWayOf } from '../../shared/haproxy/supervise.ts';
import type { ProxyConfig } from '../../shared/model/proxy-config.ts';
import type { ReconcilerPorts } from './proxy-agent.ts';

/** `living`: the pid of the worker that answers. Not with runtimeOnly: then reloads are the operator's own affair. */
export async function noteOldWorkers({ proxies }: Pick<ReconcilerPorts, 'proxies'>, config: ProxyConfig, living: number): Promise<void> {
  const { id, binary, managed } = config;
  if (managed === null) return;
  const count = await countOldWorkers({ way: reloadWayOf(config), binary, managed, living });
  await proxies.setState(id, { oldWorkers: count === null ? '' : String(count) });
}
