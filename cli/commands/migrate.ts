/**
 * `pointsman migrate synapse FILE` and `migrate nerve FILE`: a pointsman.yaml on stdout, and on stderr a line for each option of the old config: carried, changed or
 * left, and why. Exit 0, whatever had to be left; 2 when FILE cannot be read as what it should be.
 */
import type { Command } from 'commander';
import { PointsmanError } from '../../shared/errors.ts';
import type { CliContext } from '../context.ts';
import { jsonText } from '../json-text.ts';
import type { Draft } from '../migrate/draft.ts';
import { migrateNerve } from '../migrate/nerve.ts';
import { countsLine, noteLine } from '../migrate/note.ts';
import { readOldConfig } from '../migrate/old-file.ts';
import { migrateSynapse } from '../migrate/synapse.ts';
import { yamlText } from '../migrate/yaml-text.ts';
import { printable } from '../printable.ts';

const PORT_OFFSET_MAX = 65_534;

const HELP = `
The config goes to stdout, what became of each option to stderr: carried, changed or left, and why. docs/migrating.md
walks a host over.`;

interface Options {
  readonly portOffset?: string;
  readonly json?: boolean;
}

export function register(command: Command, context: CliContext): void {
  command
    .command('synapse')
    .description("make a pointsman.yaml of Synapse's config: services, and a HAProxy beside its own")
    .argument('<file>', 'its config, in JSON (or YAML, when it is named so)')
    .option('--port-offset <n>', 'add this to every port, so that both can listen on one host')
    .option('--json', 'answer in JSON: the config as text, and the notes')
    .addHelpText('after', HELP)
    .action((file: string, options: Options) => migrate(context, 'synapse', file, options));
  command
    .command('nerve')
    .description("make the registrations of a pointsman.yaml of Nerve's config")
    .argument('<file>', 'its config, in JSON (or YAML, when it is named so)')
    .option('--json', 'answer in JSON: the config as text, and the notes')
    .addHelpText('after', HELP)
    .action((file: string, options: Options) => migrate(context, 'nerve', file, options));
}

async function migrate(context: CliContext, kind: 'synapse' | 'nerve', file: string, options: Options): Promise<void> {
  const portOffset = options.portOffset === undefined ? 0 : offsetOf(options.portOffset);
  const old = await readOldConfig(file);
  assertKind(kind, old);
  const draft: Draft = kind === 'synapse' ? migrateSynapse(old, { portOffset }) : migrateNerve(old);
  const text = yamlText(draft.config, `Made by \`pointsman migrate ${kind} ${printable(file)}\`.`);
  if (options.json === true)
    return context.print(jsonText({ config: text, notes: draft.notes.map(({ fate, option, why }) => ({ fate, option, why })) }));
  context.print(text.trimEnd());
  for (const note of draft.notes) context.tell(noteLine(note));
  context.tell(countsLine(draft.notes));
}

/** Services of Nerve say where they are and how they are checked, those of Synapse how they are found. @throws PointsmanError USAGE */
function assertKind(kind: 'synapse' | 'nerve', old: unknown): void {
  const { services } = (old ?? {}) as { services?: unknown };
  const all = typeof services === 'object' && services !== null ? Object.values(services) : [];
  const has = (key: string): boolean => all.some((one) => typeof one === 'object' && one !== null && Object.hasOwn(one, key));
  const other = kind === 'synapse' ? 'nerve' : 'synapse';
  if (kind === 'synapse' ? has('discovery') || !has('checks') : has('checks') || !has('discovery')) return;
  throw new PointsmanError('USAGE', `this looks like a config of ${other === 'nerve' ? 'Nerve' : 'Synapse'}`, {
    hint: `pointsman migrate ${other} reads those`,
    retry: 'terminal',
  });
}

function offsetOf(text: string): number {
  const offset = Number(text);
  if (/^\d+$/.test(text) && offset <= PORT_OFFSET_MAX) return offset;
  throw new PointsmanError('USAGE', `--port-offset is ${JSON.stringify(text)}`, {
    hint: `a whole number from 0 to ${PORT_OFFSET_MAX}`,
    retry: 'terminal',
  });
}
