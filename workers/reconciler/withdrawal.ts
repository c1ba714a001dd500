/**
 * A server that was deleted is seen by nobody any more: what the checks on this proxy last said of it is withdrawn at once, and not only when an observer
 * looks. An instance that comes back meanwhile must not count as up by a server that is gone.
 */

import type { CommandResult } from '../../shared/haproxy/apply.ts';
import type { InstanceId, ServiceName } from '../../shared/model/ids.ts';
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

/** Those that these servers' names may have been cut from. */
async function cutTo(agent: ProxyAgent, service: ServiceName, names: readonly string[]): Promise<InstanceId[]> {
  const known = await agent.ports.log.verdicts(service, agent.config.id);
  return [...known.keys()].filter((instance) => serverInstance(serverName(instance)) === null && names.includes(serverName(instance)));
}
