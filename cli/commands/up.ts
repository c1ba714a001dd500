/** `pointsman up SERVICE`: ends what `pointsman down` began on this host. The service is registered again when its checks pass. Exit 0 also when it was not down. */
import type { Command } from 'commander';
import { Maintenance } from '../../workers/registrar/maintenance.ts';
import type { CliContext } from '../context.ts';
import { jsonText } from '../json-text.ts';
import { printable } from '../printable.ts';
import { registeredHere } from '../registered-here.ts';

export function register(command: Command, context: CliContext): void {
  command
    .argument('<service>', 'a service under `register` in the config')
    .option('--json', 'answer in JSON')
    .addHelpText('after', '\n--json prints one object: service, was (whether it was down).')
    .action((service: string, options: { json?: boolean }) => up(context, service, options.json === true));
}

async function up(context: CliContext, service: string, json: boolean): Promise<void> {
  const config = await context.loadConfig();
  registeredHere(config, service);
  const was = await new Maintenance(config.registrar.state).remove(service);
  if (json) return context.print(jsonText({ service, was }));
  context.print(
    was
      ? `${printable(service)} is no longer down on this host: it is registered again when its checks pass`
      : `${printable(service)} was not down on this host`,
  );
}
