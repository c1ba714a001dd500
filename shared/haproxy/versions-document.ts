/**
 * PURE. The tables of docs/haproxy-versions.md, written from what the code decides by: the abilities (shared/model/abilities.ts), the reasons for a
 * reload (shared/plan/reloads.ts) and the encoder itself. `npm run docs:haproxy` puts them in; a test says when they are not as they would be made.
 */
import { assert } from '../errors.ts';
import { ABILITIES, type Ability } from '../model/abilities.ts';
import type { Capabilities } from '../model/capabilities.ts';
import type { CheckConfig } from '../model/service-config.ts';
import type { Command } from '../plan/command.ts';
import { RELOADS, type ReloadNeed } from '../plan/reloads.ts';
import { capabilitiesOf } from './capabilities.ts';
import { encode } from './encode.ts';

/** The columns: the long-term versions, and those between them in which something changed. */
const VERSIONS = ['2.6', '3.0', '3.1', '3.2', '3.3', '3.4'].map((version) => ({ version, can: capabilitiesOf(`${version}.0`) }));

const AT = { backend: 'web', server: '10.0.0.5:8080' } as const;
const CHECK: CheckConfig = { type: 'http', method: 'GET', path: '/health', interval: 2_000, rise: 2, fall: 3 };

function added(check: CheckConfig): Command {
  return { kind: 'add', ...AT, id: 7, address: '10.0.0.5', port: 8080, weight: 1, config: { check, server: { maxConn: null } } };
}

/** What becomes of instances, none of it by a reload. */
const CHANGES: readonly (readonly [change: string, command: Command])[] = [
  ['an instance registers, with a check', added(CHECK)],
  ['an instance registers, `check: none`', added({ type: 'none' })],
  ['one that was out comes back', { kind: 'admit', ...AT, checked: true }],
  ['it leaves, or is taken out', { kind: 'drain', ...AT }],
  ['it comes back while it drains', { kind: 'ready', ...AT }],
  ['another weight', { kind: 'weight', ...AT, weight: 10 }],
  ['another address', { kind: 'address', ...AT, address: '10.0.0.6', port: 8080 }],
  ['its sessions have ended: out', { kind: 'maint', ...AT }],
  ['they have not, and its time is up', { kind: 'shutdown-sessions', ...AT }],
  ['then', { kind: 'delete', ...AT }],
];

const TABLES: Readonly<Record<string, () => string[]>> = { abilities: abilityRows, reloads: reloadRows, commands: commandRows };

/** The document with each table as it is made now. */
export function withVersionTables(document: string): string {
  return Object.entries(TABLES).reduce((text, [name, rows]) => {
    const opening = `<!-- ${name}: written by npm run docs:haproxy -->`;
    const begin = text.indexOf(opening);
    const end = text.indexOf(`<!-- end of ${name} -->`);
    assert(begin >= 0 && end > begin, `the document has no place for the table of ${name}`);
    return `${text.slice(0, begin + opening.length)}\n${rows().join('\n')}\n${text.slice(end)}`;
  }, document);
}

function abilityRows(): string[] {
  const rows = Object.values<Ability>(ABILITIES).map(({ since, told, what, use }) => row([what, since.join('.'), askedOf(told), use]));
  return ['| what HAProxy can | since | how it is known | what pointsman does with it |', '|---|---|---|---|', ...rows];
}

function askedOf(told: Ability['told']): string {
  if (told === null) return 'by the version';
  return 'command' in told ? `\`${told.command}\` in \`help\`` : `\`${told.serverWord}\` in \`add server help\` (3.2), else by the version`;
}

function reloadRows(): string[] {
  const names = VERSIONS.map(({ version }) => version);
  const rows = Object.values<ReloadNeed>(RELOADS).map((need) =>
    row([need.change, ...VERSIONS.map(({ can }) => wayOf(need, can)), need.why]),
  );
  return [
    row(['what changes', ...names, 'why']),
    `|---${'|---'.repeat(names.length)}|---|`,
    row([
      'an instance: comes, goes, drains, another weight, address or number of connections at once',
      ...names.map(() => 'commands'),
      'see below',
    ]),
    row([
      'another `weights`, `farWeight`, `server.maxConn`, `check.port`, `check.address`, `server.agent.port`, `server.agent.address` of a service',
      ...names.map(() => 'commands'),
      'see below',
    ]),
    row([
      'another option of `check` or `server` of a service; a server with a wrong id, or that stands by and shall not, or the other way round',
      ...names.map(() => 'commands'),
      'its servers are made anew one after the other, new before old',
    ]),
    row([
      'another `host` or `pathPrefix` of a service',
      ...names.map(() => 'commands'),
      "an entry in the shared frontend's map, which is changed in place",
    ]),
    ...rows,
    row(['another `http.listen` of a proxy', ...names.map(() => 'reload'), 'a listener comes from the files only']),
  ];
}

function wayOf({ spared }: ReloadNeed, can: Capabilities): string {
  return spared !== null && can[spared] ? 'reload (1)' : 'reload';
}

/** A row for each way of saying it, with the versions that it is said to. */
function commandRows(): string[] {
  const rows = CHANGES.flatMap(([change, command]) => {
    const said = new Map<string, string[]>();
    for (const { version, can } of VERSIONS) {
      const lines = encode(command, can)
        .map((line) => `\`${line}\``)
        .join('<br>');
      said.set(lines, [...(said.get(lines) ?? []), version]);
    }
    return [...said].map(([lines, versions]) => row([change, said.size === 1 ? 'all' : versions.join(', '), lines]));
  });
  return ['| what happens | versions | what HAProxy is told |', '|---|---|---|', ...rows];
}

function row(cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |`;
}
