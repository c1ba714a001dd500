/**
 * A server that was deleted is seen by nobody any more: what the checks on this proxy last said of it is withdrawn at once, and not only when an observer
 * looks. An instance that comes back meanwhile must not count as up by a server that is gone. So is all that was said of a service that the proxy has no
 * longer: nobody looks at it there any more.
 */

import type { CommandResult } from '../../shared/haproxy/apply.ts';
import type { InstanceId, ServiceName } from '../../shared/model/ids.ts';
import { withdrawAll } from '../../shared/redis/proxy-verdicts.ts';
import { sourceOf } from '../../shared/redis/source.ts';
import { serverInstance, serverName } from '../../shared/znode/address.ts';
import type { ProxyAgent } from './proxy-agent.ts';

export async function withdrawVerdicts(agent: ProxyAgent, service: ServiceName, results: readonly CommandResult[]): Promise<void> {
  const deleted = results.filter(({ command, outcome }) => command.kind === 'delete' && (outcome === 'done' || outcome === 'gone'));
  if (deleted.length === 0) return;
  const { log, queues } = agent.ports;
  const names = deleted.map(({ command }) => command.server);
  const named = names.map(serverInstance).filter((instance) => instance !== null);
  const instances = named.length === names.length ? named : [...named, ...(await cutTo(agent, service, names))];
  if (!(await log.withdrawVerdicts(service, agent.config.id, instances))) return;
  await queues.wakeService(service, { why: `servers deleted on ${agent.config.id}`, time: Date.now() });
}

/** The proxy has nothing of the service any more, and nobody looks at it there: all that its checks said of it is withdrawn. */
export async function withdrawService(agent: ProxyAgent, service: ServiceName): Promise<void> {
  const { log, queues } = agent.ports;
  if ((await withdrawAll(log, service, agent.config.id, sourceOf('reconciler'))) === 0) return;
  await queues.wakeService(service, { why: `${agent.config.id} has it no longer`, time: Date.now() });
}

/** Those that these servers' names may have been cut from. */
async function cutTo(agent: ProxyAgent, service: ServiceName, names: readonly string[]): Promise<InstanceId[]> {
  const known = await agent.ports.log.verdicts(service, agent.config.id);
  return [...known.keys()].filter((instance) => serverInstance(serverName(instance)) === null && names.includes(serverName(instance)));
}
