/**
 * A status report for people: a line that sums it up, then a table per section. With many instances only those that are not plainly
 * serving are listed, and a line says how to see the others. Every cell is made printable by the table.
 */
import { ageText } from '../age.ts';
import { printable } from '../printable.ts';
import { type Cell, formatTable, type Tone } from '../table.ts';
import {
  type BackendStatus,
  counted,
  type InstanceStatus,
  type ProxyStatus,
  type QueueStatus,
  type ServiceStatus,
  type StatusReport,
  type WatcherStatus,
} from './report.ts';
import { statesText, summary } from './summary.ts';

/** States that ask for no explanation. */
const WELL: ReadonlySet<string> = new Set(['serving', 'joining', 'draining']);
const TROUBLE: ReadonlySet<string> = new Set(['drifted', 'unreachable', 'blocked']);
/** A name that can be copied to a shell. */
const TYPABLE = /^[A-Za-z0-9_.:[\]-]+$/;

/** Instances, and backends, listed in an overview. */
const ROWS_MAX = 100;
/** Proxies named that see an instance down. */
const WITNESSES_SHOWN = 3;

/** Old workers: each reload leaves one, mostly for a moment. */
const OLD_WORKERS_MANY = 5;

type Row = readonly (string | Cell)[];

const TONES: Readonly<Record<string, Tone>> = {
  serving: 'good',
  'in-sync': 'good',
  up: 'good',
  joining: 'warning',
  held: 'warning',
  mixed: 'warning',
  patching: 'warning',
  'awaiting-reload': 'warning',
  reloading: 'warning',
  drifted: 'warning',
  draining: 'faint',
  unknown: 'faint',
  failing: 'bad',
  rejected: 'bad',
  down: 'bad',
  unreachable: 'bad',
  blocked: 'bad',
};

export function printReport(report: StatusReport, options: { colour: boolean; only: string | null }): string {
  const { at, services, instances, proxies, watchers, queues } = report;
  const { colour, only } = options;
  const parts = [printable(summary(report))];
  const add = (title: string, head: readonly string[], rows: readonly Row[], note: string | null = null): void => {
    // A column that says nothing of any takes no room.
    const told = head.flatMap((_, column) => (rows.some((row) => textOf(row[column]) !== '') ? [column] : []));
    const of = <T>(line: readonly T[]): T[] => told.map((column) => line[column] as T);
    if (rows.length > 0) parts.push(`${title}\n${formatTable(of(head), rows.map(of), colour)}${note === null ? '' : `\n${note}`}`);
  };
  add(
    'SERVICES',
    ['service', 'config', 'instances', 'guard', 'log'],
    services.map((service) => serviceRow(service, at)),
  );
  const listed =
    only !== null || instances.length <= ROWS_MAX ? instances : instances.filter(({ state }) => state !== 'serving').slice(0, ROWS_MAX);
  const rest = instances.length - listed.length;
  const note = rest > 0 ? `${rest} more instances: \`pointsman status SERVICE\` lists all of one service` : null;
  const head = ['service', 'instance', 'state', 'since', 'health', 'weight', 'reason'];
  add(
    'INSTANCES',
    head,
    listed.map((instance) => instanceRow(instance, at)),
    note,
  );
  if (listed.length === 0 && note !== null) parts.push(note);
  add(
    'PROXIES',
    ['proxy', 'pool', 'haproxy', 'worker', 'heard of', 'checks by', 'backends', 'to look at', 'last reload'],
    proxies.map((proxy) => proxyRow(proxy, at)),
  );
  add('WATCHERS', ['watcher', 'role', 'heard of', 'zookeeper', 'services'], watcherRows(watchers, at));
  add('BACKENDS', ['proxy', 'service', 'state', 'since', 'next try', 'detail'], backendRows(proxies, at, only !== null));
  add('QUEUES', ['queue', 'waiting', 'active', 'delayed', 'failed'], queues.map(queueRow));
  const question = whyText(report);
  if (question !== null) parts.push(`why: ${question}`);
  return parts.join('\n\n');
}

/** The command that explains the first thing that is not as it should be; null: all is, or is on its way. */
function whyText({ services, instances, proxies }: StatusReport): string | null {
  const instance = instances.find((one) => !WELL.has(one.state) && TYPABLE.test(one.instance));
  if (instance !== undefined) return `pointsman why ${instance.service} ${quoted(instance.instance)}`;
  const held = services.find(({ guard, config }) => guard.state !== 'open' || config === 'unread');
  const unwell = proxies.flatMap(({ backends }) => backends).find(({ state }) => TROUBLE.has(state));
  const service = held?.service ?? unwell?.service;
  return service === undefined || !TYPABLE.test(service) ? null : `pointsman why ${service}`;
}

function quoted(word: string): string {
  return word.includes('[') ? `'${word}'` : word;
}

function serviceRow(service: ServiceStatus, now: number): Row {
  const { config, path, mode, check, listen, guard, lag } = service;
  const said = {
    published: `${path} ${mode}, ${check === 'none' ? 'no check' : check}${listen === null ? '' : `, ${listen}`}`,
    unread: 'not read by a watcher yet',
    retired: 'no longer configured',
  };
  const until = guard.until === null ? '' : `, next step in ${ageText(guard.until - now)}`;
  return [
    service.service,
    service.waitsFor !== null
      ? { text: `waits for path ${service.waitsFor}`, tone: 'bad' }
      : config === 'published'
        ? said.published
        : { text: said[config], tone: 'warning' },
    statesText(service.states) || { text: 'none', tone: 'warning' },
    guard.state === 'open' ? { text: 'open', tone: 'faint' } : { text: `${guard.state}: keeps ${guard.held}${until}`, tone: 'bad' },
    lag.events === 0
      ? { text: 'folded', tone: 'faint' }
      : { text: `${lag.events}${lag.more ? '+' : ''} behind, ${ageText(lag.ms)}`, tone: 'warning' },
  ];
}

function instanceRow(instance: InstanceStatus, now: number): Row {
  const { word, up, down, unknown } = instance.health;
  const counts = statesText({ up, down, unknown });
  return [
    instance.service,
    instance.instance,
    toned(instance.state),
    ageText(now - instance.since),
    { text: `${counts === '' ? word : counts}${witnessText(instance, now)}`, tone: TONES[word] ?? 'plain' },
    instance.weight === null ? '' : String(instance.weight),
    [instance.reason ?? '', ...(instance.until === null ? [] : [`ends in ${ageText(instance.until - now)}`])]
      .filter((part) => part !== '')
      .join('; '),
  ];
}

/** `: edge-3 for 2m, edge-4 for 5s`: who sees it down, the latest first. */
function witnessText({ health, witnesses }: InstanceStatus, now: number): string {
  if (health.word !== 'mixed' && health.word !== 'down') return '';
  const down = witnesses.filter(({ verdict }) => verdict === 'down').sort((a, b) => b.since - a.since || (a.proxy < b.proxy ? -1 : 1));
  const shown = down.slice(0, WITNESSES_SHOWN).map(({ proxy, since }) => `${proxy} for ${ageText(now - since)}`);
  const more = health.down - shown.length;
  if (shown.length === 0) return '';
  return `: ${shown.join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}

function proxyRow(proxy: ProxyStatus, now: number): Row {
  const { lastReload, lastSeen } = proxy;
  const seen = lastSeen === null ? 'never' : `${ageText(now - lastSeen)} ago`;
  return [
    proxy.proxy,
    proxy.pool === proxy.proxy ? '' : proxy.pool,
    proxy.version?.split('-')[0] ?? { text: 'unknown', tone: 'faint' },
    workerCell(proxy, now),
    { text: seen, tone: proxy.live ? 'plain' : 'bad' },
    hearingCell(proxy.hearing),
    statesText(counted(proxy.backends.map(({ state }) => state))),
    proxy.dirty === 0 ? '' : String(proxy.dirty),
    lastReload === null ? '' : reloadCell(lastReload, now),
  ];
}

function hearingCell(hearing: ProxyStatus['hearing']): Cell {
  if (hearing === null) return { text: '', tone: 'plain' };
  return hearing.by === 'ring' ? { text: 'ring', tone: 'plain' } : { text: hearing.by, tone: 'warning' };
}

function reloadCell({ at, reason, failed }: NonNullable<ProxyStatus['lastReload']>, now: number): string | Cell {
  const when = `${ageText(now - at)} ago`;
  if (failed !== null) return { text: `FAILED ${when}: ${failed}`, tone: 'bad' };
  return reason === null ? when : `${when}: ${reason}`;
}

function workerCell({ unreachable, breaker, worker, oldWorkers }: ProxyStatus, now: number): string | Cell {
  if (breaker !== null) {
    const next =
      breaker.nextTry === null ? 'is tried now' : `next try ${breaker.nextTry <= now ? 'is due' : `in ${ageText(breaker.nextTry - now)}`}`;
    return {
      text: `HANGS${breaker.since === null ? '' : ` for ${ageText(now - breaker.since)}`}, ${next}: ${breaker.detail ?? ''}`,
      tone: 'bad',
    };
  }
  if (unreachable !== null) return { text: `unreachable: ${unreachable}`, tone: 'bad' };
  if (worker === null) return '';
  const old = oldWorkers ?? 0;
  return { text: `pid ${worker}${old > 0 ? `, ${old} old` : ''}`, tone: old >= OLD_WORKERS_MANY ? 'warning' : 'plain' };
}

/** Those that are heard of; when there is none, the one that was last. */
function watcherRows(watchers: readonly WatcherStatus[], now: number): Row[] {
  const live = watchers.filter((watcher) => watcher.live);
  return (live.length > 0 ? live : watchers.slice(0, 1)).slice(0, ROWS_MAX).map((watcher) => {
    const { watcher: id, leader, lastSeen, connected, since, problem, services, troubled } = watcher;
    const standing = `${connected ? 'connected' : 'CUT OFF'} for ${ageText(now - since)}${problem === null ? '' : `: ${problem}`}`;
    const waiting = troubled.filter(({ why }) => why === 'stale').map(({ service, detail }) => `${service}: ${detail}`);
    const refused = troubled.filter(({ why }) => why === 'refused').map(({ service, detail }) => `${service} ${detail}`);
    const texts = [
      ...(waiting.length === 0 ? [] : [`not read: ${waiting.slice(0, 5).join('; ')}`]),
      ...(refused.length === 0 ? [] : [`refused: ${refused.slice(0, 5).join('; ')}`]),
    ];
    return [
      id,
      leader ? 'leads' : 'stands by',
      { text: `${ageText(now - lastSeen)} ago`, tone: watcher.live ? 'plain' : 'bad' },
      { text: watcher.live ? standing : 'unknown', tone: watcher.live && !connected ? 'bad' : 'plain' },
      texts.length === 0 ? String(services) : { text: `${services}, ${texts.join('; ')}`, tone: waiting.length > 0 ? 'bad' : 'warning' },
    ];
  });
}

/** Those that are not in sync, and with `all` the others too. */
function backendRows(proxies: readonly ProxyStatus[], now: number, all: boolean): Row[] {
  return proxies
    .flatMap(({ proxy, backends }) => backends.map((backend) => ({ proxy, backend })))
    .filter(({ backend }) => all || backend.state !== 'in-sync')
    .slice(0, ROWS_MAX)
    .map(({ proxy, backend }) => backendRow(proxy, backend, now));
}

function backendRow(proxy: string, backend: BackendStatus, now: number): Row {
  const { service, state, since, nextTry, detail } = backend;
  const next = nextTry === null ? '' : nextTry <= now ? 'due' : `in ${ageText(nextTry - now)}`;
  return [proxy, service, toned(state), ageText(now - since), next, detail ?? ''];
}

function queueRow({ queue, waiting, active, delayed, failed }: QueueStatus): Row {
  return [queue, String(waiting), String(active), String(delayed), failed === 0 ? '0' : { text: String(failed), tone: 'bad' }];
}

function textOf(cell: string | Cell | undefined): string {
  return typeof cell === 'object' ? cell.text : (cell ?? '');
}

function toned(state: string): Cell {
  return { text: state, tone: TONES[state] ?? 'plain' };
}
