/** PURE. Events and what they made of an instance, in words. Nothing in them is escaped: whoever prints them does that. */
import type { InstanceSnapshot } from '../../machines/instance.ts';
import type { ServiceEvent } from '../../shared/model/event.ts';
import type { InstanceId } from '../../shared/model/ids.ts';
import type { Registration } from '../../shared/model/registration.ts';
import { type ServicePath, znodePath } from '../../shared/model/service-path.ts';
import { ageText } from '../age.ts';
import type { Chapter } from './history.ts';
import { instanceReasons } from './instance-reasons.ts';

/** `path`: the service's, if it is known. */
export function eventText(event: ServiceEvent, instance: InstanceId, path: ServicePath | null): string {
  switch (event.type) {
    case 'registered':
    case 'changed':
    case 'deregistered': {
      const { name, czxid, mzxid, version } = event.znode;
      const did = {
        registered: `came (czxid ${czxid})`,
        changed: `changed (mzxid ${mzxid}, version ${version})`,
        deregistered: `went (czxid ${czxid})`,
      };
      return `znode ${znodePath(path, name)} ${did[event.type]}${of(event.instance, instance)}`;
    }
    case 'health': {
      const own = event.verdicts.find((verdict) => verdict.instance === instance);
      if (own === undefined) return `checks on ${event.proxy}, of others`;
      return `checks on ${event.proxy}: ${own.from} -> ${own.to}${own.detail === undefined ? '' : ` (${own.detail})`}`;
    }
    case 'timer':
      return event.instance === null ? `a deadline of the ${event.timer} came due` : `the deadline of its ${event.timer} came due`;
    case 'configured':
      return "the service's config was published";
    case 'unconfigured':
      return 'the service was taken out of the config';
    case 'complete':
      return 'the service was read completely';
    case 'cordoned':
      return `${event.by} took ${instance === event.instance ? 'it' : event.instance} out${event.reason === '' ? '' : `: ${event.reason}`}`;
    case 'uncordoned':
      return `the cordon of ${instance === event.instance ? 'it' : event.instance} was taken away`;
    case 'released':
      return `${event.by} released what was held${event.reason === '' ? '' : `: ${event.reason}`}`;
    case 'backwards':
      return `the registry went backwards: zxid ${event.seen} was seen, now it is ${event.found}`;
    case 'trusted':
      return `${event.by} accepted the registry as it is`;
    case 'rebuilt':
      return `what was stored of the service could not be read (${event.detail}): it is built anew`;
    default:
      // Of a later version.
      return String((event as { type: unknown }).type);
  }
}

/** What changed, and why. */
export function changeText({ from, to, before, after, service }: Chapter): { text: string; until: number | null } {
  const [reason] = after === null ? [] : instanceReasons(after, service);
  if (before === null && after === null) return { text: 'nothing was known of it', until: null };
  if (from !== to) return { text: `${from} -> ${to}${reason === undefined ? '' : `: ${reason.text}`}`, until: reason?.until ?? null };
  const changes = before === null || after === null ? [] : differences(before, after);
  return { text: `${to}${changes.length === 0 ? ' as before' : `: ${changes.join(', ')}`}`, until: null };
}

function cordonText({ cordon, timers }: InstanceSnapshot['context']): string | null {
  if (cordon === null) return null;
  const end = timers.cordon === undefined ? 'without an end' : `for ${ageText(timers.cordon.at - cordon.at)}`;
  return `by ${cordon.by} (${cordon.reason || 'no reason given'}) ${end}`;
}

function differences({ context: before }: InstanceSnapshot, { context: after }: InstanceSnapshot): string[] {
  const changes: string[] = [];
  const [was, is] = [before.registration, after.registration];
  if (was !== null && is !== null) {
    if (was.weight !== is.weight) changes.push(`weight ${was.weight} -> ${is.weight}${is.out === undefined ? '' : ` (${is.out})`}`);
    if (addressOf(was) !== addressOf(is)) changes.push(`address ${addressOf(was)} -> ${addressOf(is)}`);
  }
  if (after.rejection !== null && before.rejection !== after.rejection) changes.push(`${after.rejection.code}: ${after.rejection.detail}`);
  const [cordoned, cordons] = [cordonText(before), cordonText(after)];
  if (cordoned !== null && cordons !== null && cordoned !== cordons) changes.push(`the cordon ${cordoned} is replaced by one ${cordons}`);
  if (before.behind !== after.behind)
    changes.push(
      after.behind === true
        ? 'it stands by where a server of an earlier path is up: such a path is active'
        : 'it stands by no longer: no earlier path is active',
    );
  const [had, has] = [Object.keys(before.znodes).length, Object.keys(after.znodes).length];
  if (had !== has) changes.push(`${has} ${has === 1 ? 'znode backs' : 'znodes back'} it, ${had} did`);
  return changes;
}

function addressOf({ address, port }: Registration): string {
  return `${address} port ${port}`;
}

function of(named: InstanceId, instance: InstanceId): string {
  return named === instance ? '' : `, of ${named}`;
}
