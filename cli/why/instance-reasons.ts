/**
 * PURE. Why an instance is in the state that it is in, from its snapshot and its service's. A state that this version has no words for is told with
 * whatever its snapshot says of it.
 */
import type { InstanceSnapshot } from '../../machines/instance.ts';
import { visibleState } from '../../machines/projection.ts';
import type { ServiceSnapshot } from '../../machines/service.ts';
import type { Reason } from './report.ts';

/** What an operator or a machine added to a snapshot, by the state that it makes. */
const FACTS: Readonly<Record<string, { readonly fact: string; readonly text: string }>> = {
  cordoned: { fact: 'cordon', text: 'an operator took it out' },
  quarantined: { fact: 'quarantine', text: 'it came and went too often' },
};
/** A fact's own fields, told after it. */
const FACT_TEXTS_MAX = 6;
/** Proxies named in one text. */
const NAMED_MAX = 5;

/** The one that made the state first. */
export function instanceReasons(snapshot: InstanceSnapshot, service: ServiceSnapshot): Reason[] {
  const reasons = [stateReason(snapshot, service)];
  const { registration, health } = snapshot.context;
  if (registration?.weight === 0) reasons.push(reason('weight-0', 'its registered weight is 0: it gets no new requests'));
  if (health.down > 0 && visibleState(snapshot) !== 'failing')
    reasons.push({ ...reason('down', downText(snapshot)), since: downSince(snapshot) });
  return reasons;
}

function stateReason(snapshot: InstanceSnapshot, { guard }: ServiceSnapshot): Reason {
  const { context } = snapshot;
  const state: string = visibleState(snapshot);
  const { since } = context;
  switch (state) {
    case 'serving':
      return { ...reason(state, 'registered, and a proxy saw it up'), since };
    case 'joining':
      return { ...reason(state, 'registered, and no proxy has seen it up yet'), since };
    case 'rejected': {
      const { code, detail } = context.rejection ?? { code: 'rejected', detail: 'no reason is on record' };
      const kept = snapshot.state === 'rejected' ? '' : `; its last good form stays, ${snapshot.state}`;
      return { ...reason(state, `${code}: ${detail}${kept}`), since };
    }
    case 'held': {
      const held = guard.context.losses.length;
      const how =
        guard.state === 'releasing' ? 'the guard lets go of them one by one' : 'the guard keeps it, with others that went at once';
      return {
        ...reason(state, `its registration ended; ${how} (${held} held)`),
        since: guard.context.since,
        until: guard.context.timer?.at ?? null,
      };
    }
    case 'draining':
      return { ...reason(state, 'its registration ended; sessions may finish'), since, until: context.timer?.at ?? null };
    case 'failing':
      return { ...reason(state, downText(snapshot)), since: downSince(snapshot) ?? since };
    case 'gone':
      return { ...reason(state, 'its registration ended, and its drain is over'), since };
    default:
      return { since, ...factReason(state, context) };
  }
}

function factReason(state: string, context: object): Omit<Reason, 'since'> & { since?: number } {
  const known = FACTS[state];
  const fact: unknown = (context as Readonly<Record<string, unknown>>)[known?.fact ?? state];
  const fields = typeof fact === 'object' && fact !== null ? Object.entries(fact) : [];
  const told = fields.filter(([, value]) => typeof value === 'string' && value !== '').slice(0, FACT_TEXTS_MAX);
  const text = [known?.text ?? `it is ${state}`, ...told.map(([key, value]) => `${key}: ${String(value)}`)].join('; ');
  const [since, until] = [timeIn(fields, ['since', 'at']), timeIn(fields, ['until', 'expires'])];
  return { code: state, text, proxy: null, until, ...(since === null ? {} : { since }) };
}

function timeIn(fields: readonly (readonly [string, unknown])[], names: readonly string[]): number | null {
  const found = fields.find(([key, value]) => names.includes(key) && typeof value === 'number');
  return found === undefined ? null : Number(found[1]);
}

function downText({ context }: InstanceSnapshot): string {
  const down = context.witnesses
    .filter(({ verdict }) => verdict === 'down')
    .map(({ proxy }) => proxy)
    .sort();
  const named = down.length === 0 ? `${context.health.down} proxies` : down.slice(0, NAMED_MAX).join(', ');
  const rest = context.health.down - Math.min(down.length, NAMED_MAX);
  return `its checks fail on ${named}${down.length > 0 && rest > 0 ? ` and ${rest} more` : ''}`;
}

function downSince({ context }: InstanceSnapshot): number | null {
  const since = context.witnesses.filter(({ verdict }) => verdict === 'down').map((witness) => witness.since);
  return since.length === 0 ? null : Math.min(...since);
}

function reason(code: string, text: string): Reason {
  return { code, text, proxy: null, since: null, until: null };
}
