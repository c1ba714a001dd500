/** The plans of all proxies that a config has, some at a time: one that hangs holds up those beside it for no longer than its own deadline. */
import type { Config } from '../../shared/config/config.ts';
import { PointsmanError } from '../../shared/errors.ts';
import type { ProxyId } from '../../shared/model/ids.ts';
import type { Ports } from '../../workers/app.ts';
import { type ProxyPlan, planProxy, storedPlan } from './proxy-plan.ts';

/** A proxy that was announced by another host, and is not in this host's config. */
const ELSEWHERE = { error: 'it is not in this config', hint: 'run `pointsman plan` on a host whose config has it' };
/** Proxies looked at side by side. */
const AT_ONCE = 8;

/** Those of the config; without any there, those that other hosts announced. */
export async function planAll(config: Config, ports: Ports, only: ProxyId | null): Promise<ProxyPlan[]> {
  const here = new Map(config.proxies.map((proxy) => [proxy.id, proxy]));
  const elsewhere = (await ports.proxies.announced()).map(({ id }) => id).filter((id) => !here.has(id));
  const all = [...here.keys(), ...elsewhere].sort();
  if (only !== null && !all.includes(only))
    throw usage(`no proxy is called ${JSON.stringify(only)}`, all.length === 0 ? 'there is none yet' : `there are: ${all.join(', ')}`);
  const chosen = only !== null ? [only] : here.size > 0 ? [...here.keys()] : all;
  if (chosen.length === 0)
    throw usage('the config has no proxy, and none was announced', 'add one under `proxies`, or run this where there is one');
  const plans: ProxyPlan[] = [];
  for (let at = 0; at < chosen.length; at += AT_ONCE) {
    const some = chosen.slice(at, at + AT_ONCE).map((id) => {
      const proxy = here.get(id);
      return proxy === undefined ? storedPlan(id, ports, ELSEWHERE) : planProxy(proxy, ports);
    });
    plans.push(...(await Promise.all(some)));
  }
  return plans;
}

function usage(message: string, hint: string): PointsmanError {
  return new PointsmanError('USAGE', message, { hint, retry: 'terminal' });
}
