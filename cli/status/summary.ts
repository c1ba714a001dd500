/** PURE. The first line of a status report: what needs somebody first, then the counts. It never reads as all well when nobody is at work. */
import { outageText } from '../../machines/rotation.ts';
import { ageText } from '../age.ts';
import { counted } from './counted.ts';
import type { ProxyStatus, ServiceStatus, StatusReport } from './report.ts';
import { rolloutAlarms } from './rollout.ts';

/** Proxies that are named; the rest is counted. */
const NAMED_MAX = 3;

export function summary(report: StatusReport): string {
  const { services, instances, proxies } = report;
  const states = statesText(counted(instances.map(({ state }) => state)));
  const holds = services.filter(({ guard }) => guard.state !== 'open').length;
  const overrides = proxies.flatMap(({ backends }) => backends).reduce((total, backend) => total + backend.overrides.length, 0);
  return [
    ...outages(services),
    ...watcherAlarms(report),
    ...proxyAlarms(report),
    ...registrarAlarms(report),
    ...rolloutAlarms(report.rollout),
    count(services.length, 'service'),
    `${count(instances.length, 'instance')}${states === '' ? '' : ` (${states})`}`,
    count(proxies.length, 'proxy', 'proxies'),
    backendsText(proxies),
    ...(overrides > 0 ? [`${count(overrides, 'override')} by hand`] : []),
    ...(holds > 0 ? [`${count(holds, 'service')} HELD by the guard`] : []),
  ].join(' · ');
}

/** Requests fail just now: that comes first. */
function outages(services: readonly ServiceStatus[]): string[] {
  const without = services.flatMap(({ service, outage }) => (outage === null ? [] : [outageText(service, outage)]));
  const more = without.length - NAMED_MAX;
  return [...without.slice(0, NAMED_MAX), ...(more > 0 ? [`nor ${more === 1 ? 'has 1 other' : `have ${more} others`}`] : [])];
}

/** Of backends whose proxy nobody works on, only what was is known. */
function backendsText(proxies: readonly ProxyStatus[]): string {
  const backends = proxies.flatMap((proxy) => proxy.backends);
  const unsettled = backends.filter(({ state }) => state !== 'in-sync').length;
  if (backends.length === 0) return 'no backend yet';
  const known = proxies.every(({ live, unreachable, breaker }) => live && unreachable === null && breaker === null);
  if (unsettled > 0) return `${unsettled} of ${count(backends.length, 'backend')} not in sync${known ? '' : ' when last looked at'}`;
  return known ? 'every backend in sync' : 'every backend in sync when last looked at';
}

function proxyAlarms({ proxies, at }: StatusReport): string[] {
  const silent = proxies.filter(({ live }) => !live);
  const unreachable = proxies.filter((proxy) => proxy.live && (proxy.unreachable !== null || proxy.breaker !== null));
  return [
    ...silent
      .slice(0, NAMED_MAX)
      .map(
        ({ proxy, lastSeen }) => `NOBODY WORKS on proxy ${proxy}${lastSeen === null ? '' : `: not heard of for ${ageText(at - lastSeen)}`}`,
      ),
    ...(silent.length > NAMED_MAX ? [`nor on ${count(silent.length - NAMED_MAX, 'other')}`] : []),
    ...unreachable.slice(0, NAMED_MAX).map(({ proxy, breaker }) => `proxy ${proxy} ${breaker === null ? 'UNREACHABLE' : 'HANGS'}`),
    ...(unreachable.length > NAMED_MAX ? [`and ${count(unreachable.length - NAMED_MAX, 'other')}`] : []),
  ];
}

function registrarAlarms({ registrars, at }: StatusReport): string[] {
  const cut = registrars.filter(({ live, connected }) => live && !connected);
  const more = cut.length - NAMED_MAX;
  const named = cut
    .slice(0, NAMED_MAX)
    .map(({ registrar, since }) => `registrar ${registrar} is CUT OFF from Zookeeper for ${ageText(at - since)}`);
  return [...named, ...(more > 0 ? [`and ${count(more, 'other')}`] : [])];
}

function watcherAlarms({ watchers, services, at }: StatusReport): string[] {
  if (services.length === 0) return [];
  const live = watchers.filter((watcher) => watcher.live);
  const [last] = watchers;
  if (live.length === 0) return [last === undefined ? 'NO WATCHER yet' : `NO WATCHER: not heard of for ${ageText(at - last.lastSeen)}`];
  const connected = live.filter((watcher) => watcher.connected);
  const since = Math.max(...live.map((watcher) => watcher.since));
  if (connected.length === 0) return [`the watcher is CUT OFF from Zookeeper for ${ageText(at - since)}`];
  const leading = connected.find(({ leader }) => leader);
  if (leading === undefined) return ['no watcher LEADS yet'];
  const waiting = leading.troubled.filter(({ why }) => why === 'path').length;
  const stale = leading.troubled.filter(({ why }) => why === 'stale').length;
  const refused = leading.troubled.filter(({ why }) => why === 'refused').length;
  return [
    ...(waiting > 0 ? [waiting === 1 ? '1 service WAITS for its path' : `${waiting} services WAIT for their paths`] : []),
    ...(refused > 0 ? [`${count(refused, 'child', 'children')} of discovered roots REFUSED`] : []),
    ...(stale > 0 ? [`${count(stale, 'service')} NOT READ at the moment`] : []),
  ];
}

/** `3 serving, 1 failing`: the most frequent first. */
export function statesText(states: Readonly<Record<string, number>>): string {
  const present = Object.entries(states).filter(([, number]) => number > 0);
  return present
    .sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1))
    .map(([state, number]) => `${number} ${state}`)
    .join(', ');
}

function count(number: number, one: string, many = `${one}s`): string {
  return `${number} ${number === 1 ? one : many}`;
}
