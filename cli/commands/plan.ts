/**
 * `pointsman plan`: a dry run of the reconcile worker on every proxy of the config. Exit 0 when nothing is to be done, 3 when something is (also
 * when it is only waited for), 1 when a proxy cannot be looked at from here: that one is answered from what is stored.
 */
import type { Command } from 'commander';
import type { ProxyId } from '../../shared/model/ids.ts';
import type { CliContext } from '../context.ts';
import { jsonText } from '../json-text.ts';
import { planAll } from '../plan/plan-all.ts';
import { isQuiet, printPlans } from '../plan/print-plan.ts';
import { PLAN_FORMAT } from '../plan/proxy-plan.ts';
import { withPorts } from '../redis-ports.ts';
import { wantsColour } from '../table.ts';

const JSON_HELP = `
--json prints one object, times in ms since the epoch. New keys may come; none changes its meaning while format is 1:
  format, at
  proxies[]  proxy, reached: true, version, worker, settled (services without a plan),
             services[] service, commands[] { command, reason }, waiting[] { server, reason }, reload, blocked,
             overrides[] { server, instance, what, since } (set by hand on HAProxy, and left so)
          or proxy, reached: false, error, hint, stored[] service, state, since, revision, detail, nextTry
Exit code 0: nothing to do. 3: something to do, or to wait for. 1: a proxy cannot be looked at from here.`;

export function register(command: Command, context: CliContext): void {
  command
    .option('--proxy <id>', 'only this proxy')
    .option('--json', 'answer in JSON')
    .addHelpText('after', JSON_HELP)
    .action((options: { proxy?: string; json?: boolean }) => plan(context, options.proxy ?? null, options.json === true));
}

async function plan(context: CliContext, only: ProxyId | null, json: boolean): Promise<void> {
  const config = await context.loadConfig('redis');
  const plans = await withPorts(config, (ports) => planAll(config, ports, only));
  const now = Date.now();
  if (json) context.print(jsonText({ format: PLAN_FORMAT, at: now, proxies: plans }));
  else context.print(printPlans(plans, { colour: wantsColour(process.stdout, process.env), now }));
  if (plans.some((one) => !one.reached)) context.exitCode = 1;
  else if (!plans.every(isQuiet)) context.exitCode = 3;
}
