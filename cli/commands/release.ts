/**
 * `pointsman release SERVICE [--reason R]`: what the guard holds drains now, the last server that is up too; a registry that went backwards is believed.
 * Exit 0 once it is taken; 1 when it is recorded and nobody took it within 5 s.
 */
import type { Command } from 'commander';
import { readInstances, readService } from '../../machines/migrate.ts';
import { outageText, rotationOf } from '../../machines/rotation.ts';
import type { ServiceSnapshot } from '../../machines/service.ts';
import { confirmationText, confirmed } from '../confirmation.ts';
import type { CliContext } from '../context.ts';
import { jsonText } from '../json-text.ts';
import { operator } from '../operator.ts';
import { printable } from '../printable.ts';
import { withPorts } from '../redis-ports.ts';
import { unknownService } from '../unknown-service.ts';

export function register(command: Command, context: CliContext): void {
  command
    .argument('<service>')
    .option('--reason <text>', 'why, for whoever looks later')
    .option('--json', 'answer in JSON')
    .addHelpText('after', '\n--json prints one object: service, held (instances that were kept), decided, live[], pending[] (proxies), ms.')
    .action((service: string, options: { reason?: string; json?: boolean }) => release(context, service, options));
}

async function release(context: CliContext, service: string, options: { reason?: string; json?: boolean }): Promise<void> {
  const config = await context.loadConfig('redis');
  const { held, done, outage } = await withPorts(config, async (ports) => {
    const read = async (): Promise<ServiceSnapshot> => readService((await ports.store.head(service)).service).service;
    const services = await ports.log.services();
    if (!services.includes(service)) throw unknownService(service, services.sort());
    const held = keptBy(await read());
    await ports.log.appendPlain(service, [{ type: 'released', by: operator(), reason: options.reason ?? '' }], `operator:${operator()}`);
    await ports.queues.wakeService(service, { why: 'an operator releases it', time: Date.now() });
    const done = await confirmed(ports, service, async () => !isHolding(await read()));
    return { held, done, ...rotationOf(await read(), readInstances(await ports.store.instances(service, 'all')).values()) };
  });
  if (outage !== null) context.tell(`WARNING: ${printable(outageText(service, outage))}`);
  if (!done.decided) context.exitCode = 1;
  if (options.json === true) return context.print(jsonText({ service, held, ...done }));
  if (!done.decided) return context.print(`the release of ${printable(service)} is recorded, NOT LIVE yet: ${confirmationText(done)}`);
  context.print(
    held === 0 ? `nothing of ${printable(service)} was held` : `${held} of ${printable(service)} released: ${confirmationText(done)}`,
  );
}

function keptBy({ guard, last }: ServiceSnapshot): number {
  const names = new Set(guard.state === 'open' ? [] : guard.context.losses.map(({ instance }) => instance));
  if (last !== null) names.add(last.instance);
  return names.size;
}

function isHolding(service: ServiceSnapshot): boolean {
  return service.guard.state === 'frozen' || keptBy(service) > 0;
}
