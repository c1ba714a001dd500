/**
 * PURE. What a HAProxy can do: what it says itself where it says it (`help`, `add server help`), else what its version has
 * (shared/model/abilities.ts). So a build that lacks a command of its version, or has one of a later, is taken as it is.
 */
import { PointsmanError } from '../errors.ts';
import { ABILITIES, type Ability, type AbilityName } from '../model/abilities.ts';
import type { Capabilities } from '../model/capabilities.ts';
import { errorReply, unreadable } from './parse-table.ts';
import { shown } from './protocol.ts';

/** What a process says of itself. */
export interface Told {
  /** The commands of `help`, e.g. `add server`. */
  readonly commands: ReadonlySet<string>;
  /** The words of `add server help`; null: it does not list them (before 3.2). */
  readonly serverWords: ReadonlySet<string> | null;
}

/** `told` null: it was not asked. Throws HAPROXY_STATE_UNREADABLE for what is no version. */
export function capabilitiesOf(version: string, told: Told | null = null): Capabilities {
  const match = /^(\d{1,3})\.(\d{1,3})(?!\d)/.exec(version);
  if (match === null) {
    throw new PointsmanError('HAPROXY_STATE_UNREADABLE', `not a HAProxy version: ${JSON.stringify(version.slice(0, 80))}`, {
      hint: 'is the runtime socket one of HAProxy 2.6 or newer?',
      retry: 'after',
    });
  }
  const [major, minor] = [Number(match[1]), Number(match[2])];
  const has = ({ since: [sinceMajor, sinceMinor], told: where }: Ability): boolean => {
    if (told !== null && where !== null) {
      if ('command' in where) return told.commands.has(where.command);
      if (told.serverWords !== null) return told.serverWords.has(where.serverWord);
    }
    return major > sinceMajor || (major === sinceMajor && minor >= sinceMinor);
  };
  const abilities = Object.entries(ABILITIES).map(([name, ability]) => [name, has(ability)]);
  return { version, major, minor, ...(Object.fromEntries(abilities) as Record<AbilityName, boolean>) };
}

/** The reply to `help`: a command a line, behind two blanks, its arguments in brackets and its purpose behind a colon. */
export function parseCommands(text: string): ReadonlySet<string> {
  const commands = new Set<string>();
  for (const line of text.split('\n')) {
    const words = /^ {2}([a-z][a-z -]*?)(?= *[<[{(:]| {2,}|$)/.exec(line)?.[1];
    if (words !== undefined) commands.add(words);
  }
  if (!commands.has('help')) throw unreadable('help', shown(text));
  return commands;
}

/** The reply to `add server help`: a heading, and a word a line. null: this HAProxy takes the word for a server's name, and refuses. */
export function parseServerWords(text: string): ReadonlySet<string> | null {
  const lines = text.split('\n').filter((line) => line !== '');
  const heading = lines.findIndex((line) => /keywords supported/.test(line));
  if (heading >= 0) return new Set(lines.slice(heading + 1));
  if (lines.some((line) => errorReply(line) !== null)) return null;
  throw unreadable('add server help', shown(text));
}
