/**
 * PURE. Why an instance is in the state that it is in, from its snapshot and its service's. A state that this version has no words for is told with
 * whatever its snapshot says of it.
 */
import type { InstanceSnapshot } from '../../machines/instance.ts';
import { desiredServer, visibleSince, visibleState } from '../../machines/projection.ts';
import type { ServiceSnapshot } from '../../machines/service.ts';
import { inVain } from '../../shared/model/asked-options.ts';
import type { DesiredServer } from '../../shared/model/desired.ts';
import type { Reason } from './report.ts';

/** Proxies named in one text. */
const NAMED_MAX = 5;

/** The one that made the state first. */
export function instanceReasons(snapshot: InstanceSnapshot, service: ServiceSnapshot): Reason[] {
  const reasons = [stateReason(snapshot, service)];
  const { context } = snapshot;
  const { registration, health } = context;
  if (context.stays === true)
    reasons.push(
      reason(
        'stays',
        `it asks for no requests, and keeps its weight of ${context.had?.weight}: no other server takes any, or the guard holds it`,
      ),
    );
  else if (registration?.out !== undefined) reasons.push(reason('weight-0', `its registration asks for no requests: ${registration.out}`));
  else if (registration?.weight === 0) reasons.push(reason('weight-0', 'its registered weight is 0: it gets no new requests'));
  if (context.far === true && desiredServer(snapshot) !== null)
    reasons.push(reason('stands-by', 'its labels are not those that prefer names: it gets requests while none of the near ones is up'));
  if (context.behind === true && desiredServer(snapshot) !== null) reasons.push(reason('stands-by', behindText(context.path, service)));
  const server = desiredServer(snapshot);
  if (server !== null) reasons.push(...placeReasons(server, context));
  const ignored = inVain(service.config?.server.options, registration?.options);
  if (ignored.length > 0)
    reasons.push(reason('ignored', `its server options ask for what \`server.options\` does not allow: ${ignored.join(', ')}`));
  if (health.down > 0 && visibleState(snapshot) !== 'failing')
    reasons.push({ ...reason('down', downText(snapshot)), since: downSince(snapshot) });
  return reasons;
}

/** What of the server is other than it was registered. */
function placeReasons({ weight }: DesiredServer, context: InstanceSnapshot['context']): Reason[] {
  const { backup, maxConn, registration } = context;
  const found: Reason[] = [];
  if (backup === true) found.push(reason('stands-by', 'its server options ask for it: it gets requests while no other instance is up'));
  if (maxConn !== undefined) found.push(reason('limited', `its server options ask for it: at most ${maxConn} connections at once`));
  if (context.weight !== undefined && context.weight !== registration?.weight)
    found.push(reason('weighed', `\`weights\` and \`farWeight\` of the service, or its server options: its weight is ${weight}`));
  return found;
}

function behindText(path: string | undefined, { tiers }: ServiceSnapshot): string {
  const active = tiers?.active || 'another path';
  return `it stands by, with weight 0, on each proxy where a server of ${active} is up: ${path ?? 'its own path'} comes behind that`;
}

function stateReason(snapshot: InstanceSnapshot, { guard, last }: ServiceSnapshot): Reason {
  const { context } = snapshot;
  const state = visibleState(snapshot);
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
    case 'cordoned': {
      const { cordon, timers } = context;
      const who = cordon === null ? 'an operator' : cordon.by;
      const why = cordon === null || cordon.reason === '' ? 'no reason given' : cordon.reason;
      return { ...reason(state, `${who} took it out: ${why}`), since: visibleSince(snapshot), until: timers.cordon?.at ?? null };
    }
    case 'quarantined':
      return {
        ...reason(state, 'its registration or its health changed too often; it comes back by itself'),
        since: visibleSince(snapshot),
        until: context.timers.quarantine?.at ?? null,
      };
    case 'held': {
      if (last?.instance === context.id) {
        const text =
          'its registration ended, and it is the last server that is up: it stays until another is up, it is down, or `pointsman release`';
        return { ...reason('last', text), since: last.since, until: last.timer?.at ?? null };
      }
      if (guard.state === 'frozen') {
        return {
          ...reason('frozen', 'the registry went backwards: nothing that it misses is believed until `resync --trust` or `release`'),
          since: guard.context.since,
        };
      }
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
      return { ...reason(state, 'its registration ended; sessions may finish'), since, until: context.timers.drain?.at ?? null };
    case 'failing':
      return { ...reason(state, downText(snapshot)), since: visibleSince(snapshot) };
    case 'gone':
      return { ...reason(state, 'its registration ended, and its drain is over'), since };
  }
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
