/** PURE. `show info`, `show env` and `show backend`: which process answers, and what it was loaded with. */
import { errorReply, unreadable, wholeNumber } from './parse-table.ts';
import { shown } from './protocol.ts';

export interface ProcessInfo {
  readonly version: string;
  readonly pid: number;
  /** Unix time in seconds. */
  readonly startTime: number;
  /** It is an old worker that only finishes its sessions. */
  readonly stopping: boolean;
}

const STAMP = 'POINTSMAN_STAMP';
const STRUCTURE = 'POINTSMAN_SERVICE_';

export function parseInfo(text: string): ProcessInfo {
  const fields = new Map<string, string>();
  for (const line of text.split('\n')) {
    const colon = line.indexOf(': ');
    if (colon > 0) fields.set(line.slice(0, colon), line.slice(colon + 2).trim());
  }
  const field = (key: string): string => {
    const value = fields.get(key);
    if (value === undefined) throw unreadable('show info', `no ${key} in ${shown(text)}`);
    return value;
  };
  return {
    version: field('Version'),
    pid: wholeNumber('show info', field('Pid')),
    startTime: wholeNumber('show info', field('Start_time_sec')),
    stopping: field('Stopping') !== '0',
  };
}

export interface ProcessEnvironment {
  readonly stamp: string | null;
  /** By backend's name. A variable outlives its file across reloads, so a name counts only while there is such a backend. */
  readonly structures: ReadonlyMap<string, Loaded>;
}

/**
 * What a service's variable says: `<structure>.<form>.<prefix>`; of earlier versions without the last, or the last two. With runtimeOnly an operator may say
 * whose a backend of his own file is: `..<prefix>`.
 */
export interface Loaded {
  /** null: no pointsman wrote the backend. */
  readonly structure: string | null;
  readonly form: string | null;
  /** The prefix of the installation that declared it, which may have dots. */
  readonly owner: string | null;
}

export function parseLoaded(value: string): Loaded {
  const [structure, form, ...owner] = value.split('.');
  return { structure: structure || null, form: form || null, owner: owner.join('.') || null };
}

export function parseEnvironment(text: string): ProcessEnvironment {
  const error = errorReply(text);
  if (error !== null) throw unreadable('show env', error);
  let stamp: string | null = null;
  const structures = new Map<string, Loaded>();
  for (const line of text.split('\n')) {
    const equals = line.indexOf('=');
    if (equals < 0) continue;
    const variable = line.slice(0, equals);
    const value = line.slice(equals + 1);
    if (variable === STAMP) stamp = value;
    else if (variable.startsWith(STRUCTURE)) structures.set(variable.slice(STRUCTURE.length), parseLoaded(value));
  }
  return { stamp, structures };
}

/** The reply to `show env NAME`; null: not set. */
export function parseVariable(text: string): string | null {
  const error = errorReply(text);
  if (error === null) {
    const line = text.split('\n')[0] ?? '';
    const equals = line.indexOf('=');
    if (equals > 0) return line.slice(equals + 1);
  } else if (/^Variable not found/.test(error)) {
    return null;
  }
  throw unreadable('show env', shown(text));
}

export function parseBackends(text: string): string[] {
  const [header, ...names] = text.split('\n').filter((line) => line !== '');
  if (header !== '# name') throw unreadable('show backend', shown(text));
  return names;
}
