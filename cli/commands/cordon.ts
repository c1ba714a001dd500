/**
 * `pointsman cordon SERVICE INSTANCE [--for 30m] [--reason R]`: takes an instance out of rotation on every proxy, with who and why. Kept in Zookeeper
 * under `zookeeper.root`, so it outlives Redis, restarts and registrations. Exit 0 once it is taken; 1 when it is written and nobody took it within 5 s.
 */
import type { Command } from 'commander';
import { newContext } from '../../machines/instance-context.ts';
import { readInstances, readService } from '../../machines/migrate.ts';
import { outageText, type Rotation, rotationOf } from '../../machines/rotation.ts';
import type { InstanceId, ServiceName } from '../../shared/model/ids.ts';
import { type CordonNode, cordonName, cordonsPath, decodeCordon, encodeCordon } from '../../shared/znode/cordon.ts';
import { hasCode } from '../../shared/zookeeper/errors.ts';
import type { Ports } from '../../workers/app.ts';
import { confirmationText, confirmed } from '../confirmation.ts';
import type { CliContext } from '../context.ts';
import { namedInstance } from '../instance-name.ts';
import { jsonText } from '../json-text.ts';
import { operator } from '../operator.ts';
import { printable } from '../printable.ts';
import { withPorts } from '../redis-ports.ts';
import { endText, untilOf } from '../time-limit.ts';
import { withZookeeper } from '../zookeeper-link.ts';

interface Options {
  readonly for?: string;
  readonly reason?: string;
  readonly json?: boolean;
}

export function register(command: Command, context: CliContext): void {
  command
    .argument('<service>')
    .argument('<instance>', 'host:port, or the name of its znode')
    .option('--for <duration>', 'ends by itself after this time (30m, 2h)')
    .option('--reason <text>', 'why, for whoever looks later')
    .option('--json', 'answer in JSON')
    .addHelpText(
      'after',
      '\n--json prints one object: service, instance, by, reason, until (ms or null), replaced { by, reason, until }, left (in rotation), decided, live[], pending[] (proxies), ms.',
    )
    .action((service: string, instance: string, options: Options) => cordon(context, service, instance, options));
}

async function cordon(context: CliContext, service: string, name: string, options: Options): Promise<void> {
  const until = untilOf(options.for);
  const config = await context.loadConfig();
  const by = operator();
  const reason = options.reason ?? '';
  const told = await withPorts(config, async (ports) => {
    const { instance, known } = await namedInstance(ports, service, name);
    const path = cordonsPath(config.zookeeper.root, service);
    const replaced = await withZookeeper(config, async (link): Promise<CordonNode | null> => {
      const node = `${path}/${cordonName(instance)}`;
      const data = encodeCordon({ by, reason, until });
      await link.ensure(path);
      try {
        await link.create(node, data);
        return null;
      } catch (error) {
        if (!hasCode(error, 'ZOOKEEPER_NODE_EXISTS')) throw error;
      }
      const before = await link.data(node);
      await link.set(node, data);
      return decodeCordon(before.data);
    });
    const wanted = decodeCordon(Buffer.from(encodeCordon({ by, reason, until })));
    const done = await confirmed(ports, service, async () => isTaken(ports, service, instance, wanted));
    return { instance, known, done, replaced, rotation: await rotationWithout(ports, service, instance) };
  });
  const { instance, known, done, replaced, rotation } = told;
  const { left, outage } = rotation;
  if (outage !== null) context.tell(`WARNING: ${printable(outageText(service, outage))}`);
  if (!done.decided) context.exitCode = 1;
  if (options.json === true) return context.print(jsonText({ service, instance, by, reason, until, replaced, left, ...done }));
  const whose = `${printable(instance)} of ${printable(service)}`;
  if (done.decided)
    context.print(`${whose} is cordoned ${endText(until, 'pointsman uncordon')}: ${confirmationText(done)}; ${left} left in rotation`);
  else context.print(`the cordon of ${whose} is recorded, NOT LIVE yet: ${confirmationText(done)}`);
  if (replaced !== null)
    context.print(
      `it replaces the cordon by ${printable(replaced.by)} (${printable(replaced.reason) || 'no reason given'}) ${endText(replaced.until, 'pointsman uncordon')}`,
    );
  if (!known) context.tell(`${printable(instance)} is not registered; it will be out when it comes`);
}

/** This very one: another may have been there before. One that has ended by now was. */
async function isTaken(ports: Ports, service: ServiceName, instance: InstanceId, wanted: CordonNode): Promise<boolean> {
  if (wanted.until !== null && wanted.until <= Date.now()) return true;
  const { cordon, timers } = readInstances(await ports.store.instances(service, [instance])).get(instance)?.context ?? newContext(instance);
  return cordon?.by === wanted.by && cordon.reason === wanted.reason && (timers.cordon?.at ?? null) === wanted.until;
}

/** How the service stands with the instance out, whether that was taken already or not. */
async function rotationWithout(ports: Ports, service: ServiceName, instance: InstanceId): Promise<Rotation> {
  const [head, stored] = await Promise.all([ports.store.head(service), ports.store.instances(service, 'all')]);
  const cordon = { by: '', reason: '', at: 0 };
  const out = [...readInstances(stored).values()].map((one) =>
    one.context.id === instance ? { ...one, context: { ...one.context, cordon } } : one,
  );
  return rotationOf(readService(head.service).service, out);
}
