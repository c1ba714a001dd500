/** `pointsman uncordon SERVICE INSTANCE`: ends a cordon. Exit 0 also when there was none; 1 when nobody took it within 5 s. */
import type { Command } from 'commander';
import { readService } from '../../machines/migrate.ts';
import { cordonName, cordonsPath } from '../../shared/znode/cordon.ts';
import { hasCode } from '../../shared/zookeeper/errors.ts';
import { confirmationText, confirmed } from '../confirmation.ts';
import type { CliContext } from '../context.ts';
import { namedInstance } from '../instance-name.ts';
import { jsonText } from '../json-text.ts';
import { printable } from '../printable.ts';
import { withPorts } from '../redis-ports.ts';
import { withZookeeper } from '../zookeeper-link.ts';

export function register(command: Command, context: CliContext): void {
  command
    .argument('<service>')
    .argument('<instance>', 'host:port, or the name of its znode')
    .option('--json', 'answer in JSON')
    .addHelpText(
      'after',
      '\n--json prints one object: service, instance, was (whether it was cordoned), decided, live[], pending[] (proxies), ms.',
    )
    .action((service: string, instance: string, options: { json?: boolean }) =>
      uncordon(context, service, instance, options.json === true),
    );
}

async function uncordon(context: CliContext, service: string, name: string, json: boolean): Promise<void> {
  const config = await context.loadConfig();
  const { instance, was, done } = await withPorts(config, async (ports) => {
    const { instance } = await namedInstance(ports, service, name);
    const cordoned = async (): Promise<boolean> =>
      readService((await ports.store.head(service)).service).service.cordoned.includes(instance);
    const removed = await withZookeeper(config, (link) =>
      link.remove(`${cordonsPath(config.zookeeper.root, service)}/${cordonName(instance)}`).then(
        () => true,
        (error: unknown) => {
          if (hasCode(error, 'ZOOKEEPER_NO_NODE')) return false;
          throw error;
        },
      ),
    );
    const was = removed || (await cordoned());
    return { instance, was, done: await confirmed(ports, service, async () => !(await cordoned())) };
  });
  if (!done.decided) context.exitCode = 1;
  if (json) return context.print(jsonText({ service, instance, was, ...done }));
  if (!done.decided)
    return context.print(
      `the end of the cordon of ${printable(instance)} of ${printable(service)} is recorded, NOT LIVE yet: ${confirmationText(done)}`,
    );
  context.print(
    was
      ? `${printable(instance)} of ${printable(service)} is no longer cordoned: ${confirmationText(done)}`
      : `${printable(instance)} of ${printable(service)} was not cordoned`,
  );
}
