/** PURE. What hosts register, as their registrars tell it: as values, and for people those that are not as they should be first. */
import { ANNOUNCE_FRESH_MS } from '../../shared/model/freshness.ts';
import type { EntryReport } from '../../shared/model/registrar-report.ts';
import type { RegistrarBeat } from '../../shared/redis/registrar-store.ts';
import { ageText } from '../age.ts';
import { counted } from './counted.ts';
import { statesText } from './summary.ts';
import type { Row } from './tones.ts';

/** Rows in an overview; with more registrars, those that are well are only counted. */
const ROWS_MAX = 100;
const SHOWN = 12;
/** Entries of a registrar that are named. */
const NAMED_MAX = 5;

export interface RegistrarStatus {
  /** Host and pid. */
  readonly registrar: string;
  readonly lastSeen: number;
  /** Whether that is recent. */
  readonly live: boolean;
  /** To Zookeeper, and since when it is or is not. */
  readonly connected: boolean;
  readonly since: number;
  /** Entries by state; a state that none is in is left out. */
  readonly states: Readonly<Record<string, number>>;
  readonly entries: readonly EntryReport[];
  /** Entries that are not named in `entries`. */
  readonly more: number;
}

/** `only`: of one service its entries alone; none: the registrar has none. */
export function registrarStatus(
  { id, at, connected, since, entries, more, states }: RegistrarBeat,
  only: string | null,
  now: number,
): RegistrarStatus[] {
  const status = { registrar: id, lastSeen: at, live: now - at <= ANNOUNCE_FRESH_MS, connected, since };
  if (only === null) {
    const present = Object.fromEntries(Object.entries(states).filter(([, count]) => count > 0));
    return [{ ...status, states: present, entries, more }];
  }
  const own = entries.filter(({ service }) => service === only);
  return own.length === 0 ? [] : [{ ...status, states: counted(own.map(({ state }) => state)), entries: own, more: 0 }];
}

/** `note`: of those that are left out; null: none is. */
export function registrarRows(registrars: readonly RegistrarStatus[], now: number): { rows: Row[]; note: string | null } {
  const ordered = registrars.toSorted((a, b) => Number(isWell(a)) - Number(isWell(b)) || (a.registrar < b.registrar ? -1 : 1));
  const listed = ordered.length <= SHOWN ? ordered : ordered.filter((one) => !isWell(one)).slice(0, ROWS_MAX);
  const rest = ordered.length - listed.length;
  return { rows: listed.map((one) => rowOf(one, now)), note: rest === 0 ? null : `${rest} more hosts, whose entries are registered` };
}

function isWell({ live, connected, states }: RegistrarStatus): boolean {
  return live && connected && Object.keys(states).every((state) => state === 'registered');
}

function rowOf({ registrar, lastSeen, live, connected, since, states, entries }: RegistrarStatus, now: number): Row {
  const unwell = entries.filter(({ state }) => state !== 'registered');
  const named = unwell.slice(0, NAMED_MAX).map((entry) => entryText(entry, now));
  const all = Object.entries(states).reduce((total, [state, count]) => total + (state === 'registered' ? 0 : count), 0);
  const text = [...named, ...(all > named.length ? [`${all - named.length} more`] : [])].join('; ');
  return [
    registrar,
    { text: `${ageText(now - lastSeen)} ago`, tone: live ? 'plain' : 'bad' },
    { text: `${connected ? 'connected' : 'CUT OFF'} for ${ageText(now - since)}`, tone: connected ? 'plain' : 'bad' },
    statesText(states) || 'none',
    { text, tone: unwell.some(({ state }) => state === 'failing' || state === 'conflict') ? 'bad' : 'warning' },
  ];
}

function entryText({ service, instance, state, since, detail }: EntryReport, now: number): string {
  return `${service} ${instance} ${state} for ${ageText(now - since)}${detail === null ? '' : `: ${detail}`}`;
}
