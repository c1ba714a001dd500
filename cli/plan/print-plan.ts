/** Plans for people: per proxy a line, then per service what would be sent and why. Everything that came from outside is made printable. */
import { ageText } from '../age.ts';
import { printable } from '../printable.ts';
import { formatTable } from '../table.ts';
import { isQuietService, type ProxyPlan, type ServicePlan } from './proxy-plan.ts';

export function printPlans(plans: readonly ProxyPlan[], options: { colour: boolean; now: number }): string {
  return plans.map((plan) => printPlan(plan, options).join('\n')).join('\n\n');
}

export function isQuiet(plan: ProxyPlan): boolean {
  return plan.reached && plan.services.every(isQuietService);
}

function printPlan(plan: ProxyPlan, options: { colour: boolean; now: number }): string[] {
  if (!plan.reached) return storedLines(plan, options);
  const { proxy, version, worker, services, settled } = plan;
  const counts = [
    counted(
      sum(services, ({ commands }) => commands.length),
      'command',
    ),
    counted(
      sum(services, ({ waiting }) => waiting.length),
      'wait',
    ),
    // One that waits for a reload and is refused is one blocked service, not two.
    counted(
      services.filter(({ reload, blocked }) => reload !== null && blocked === null).length,
      'service to reload for',
      'services to reload for',
    ),
    counted(services.filter(({ blocked }) => blocked !== null).length, 'blocked service'),
    counted(
      sum(services, ({ overrides }) => overrides.length),
      'override',
    ),
  ].filter((text) => text !== null);
  const inSync = `${settled} ${settled === 1 ? 'service' : 'services'} in sync`;
  const head = `${printable(proxy)} (HAProxy ${printable(version)}, pid ${worker}): ${[...counts, inSync].join(', ')}`;
  return [head, ...services.flatMap((service) => serviceLines(service, options.now))];
}

function serviceLines({ service, commands, waiting, reload, blocked, overrides }: ServicePlan, now: number): string[] {
  const lines = [
    ...commands.map(({ command, reason }) => `    ${command}  # ${reason}`),
    ...waiting.map(({ server, reason }) => `    wait for ${server}  # ${reason}`),
    ...(reload === null ? [] : [`    reload  # ${reload}`]),
    ...(blocked === null ? [] : [`    blocked  # ${blocked}`]),
    ...overrides.map(
      ({ server, what, since }) => `    leave ${server}  # override: ${what}, set by hand on HAProxy, ${ageText(now - since)} ago`,
    ),
  ];
  return [`  ${service}`, ...lines].map(printable);
}

function storedLines(plan: ProxyPlan & { reached: false }, { colour, now }: { colour: boolean; now: number }): string[] {
  const head = `${printable(plan.proxy)} cannot be looked at from here: ${printable(plan.error)}`;
  if (plan.stored.length === 0) return [head, `  nothing is stored of it; ${printable(plan.hint)}`];
  const rows = plan.stored.map(({ service, state, since, detail }) => [`  ${service}`, state, `${ageText(now - since)} ago`, detail ?? '']);
  return [`${head}; as it was stored:`, formatTable(['  service', 'state', 'since', 'detail'], rows, colour)];
}

function sum<T>(items: readonly T[], of: (item: T) => number): number {
  return items.reduce((total, item) => total + of(item), 0);
}

/** null: there are none. */
function counted(number: number, one: string, many = `${one}s`): string | null {
  return number === 0 ? null : `${number} ${number === 1 ? one : many}`;
}
