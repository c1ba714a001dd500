/** PURE. Lines that mean the same in `defaults` and in a service's sections: timeouts, retries and what becomes of them. */
import type { Draft, Place } from './draft.ts';
import { durationOf } from './haproxy-time.ts';

/** Of `timeout X`; queue is a service's alone. */
const TIMEOUTS = ['connect', 'client', 'server', 'check'];

/** Whether the line was one of these. `at`: the section with `timeouts`, `retries` and so on. */
export function carryCommon(line: string, option: string, draft: Draft, at: Place): boolean {
  const [, timeout = '', time = ''] = /^timeout (\w+) (\S+)$/.exec(line) ?? [];
  if (TIMEOUTS.includes(timeout) || (timeout === 'queue' && at[0] === 'services')) {
    const duration = durationOf(time);
    if (duration === null) draft.left(option, `${time} is no time of HAProxy's`);
    else draft.carry(option, [...at, 'timeouts', timeout], duration);
    return true;
  }
  const [, retries] = /^retries (\d+)$/.exec(line) ?? [];
  const [, retryOn] = /^retry-on (.+)$/.exec(line) ?? [];
  const [, no, redispatch] = /^(no )?option (redispatch)( -?\d+)?$/.exec(line) ?? [];
  if (retries !== undefined) draft.carry(option, [...at, 'retries'], Number(retries));
  else if (retryOn !== undefined) draft.carry(option, [...at, 'retryOn'], retryOn);
  else if (redispatch === undefined) return false;
  else if (no !== undefined) draft.carry(option, [...at, 'redispatch'], false);
  else draft.carry(option, [...at, 'redispatch'], true, 'the first retry already goes to another server');
  return true;
}
