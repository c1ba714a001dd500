/**
 * A status report for people: a line that sums it up, then a table per section. With many instances only those that are not plainly
 * serving are listed, and a line says how to see the others. Every cell is made printable by the table.
 */
import { ageText } from '../age.ts';
import { printable } from '../printable.ts';
import { type Cell, formatTable } from '../table.ts';
import { OVERRIDES_HEAD, overrideRows } from './override-rows.ts';
import { backendRows, proxyRows } from './proxy-rows.ts';
import { registrarRows } from './registrars.ts';
import type { InstanceStatus, QueueStatus, ServiceStatus, StatusReport, WatcherStatus } from './report.ts';
import type { RolloutStatus } from './rollout.ts';
import { statesText, summary } from './summary.ts';
import { type Row, TONES, toned } from './tones.ts';

/** States that ask for no explanation. */
const WELL: ReadonlySet<string> = new Set(['serving', 'joining', 'draining']);
const TROUBLE: ReadonlySet<string> = new Set(['drifted', 'unreachable', 'blocked']);
/** A name that can be copied to a shell. */
const TYPABLE = /^[A-Za-z0-9_.:[\]-]+$/;

/** Instances, and backends, listed in an overview. */
const ROWS_MAX = 100;
/** With more queues than this, those that are empty are only counted. */
const QUEUES_SHOWN = 12;
const GO_ON = 'the others go on with another config, when the proxy has it after all, or by `pointsman resync`';
/** Proxies named that see an instance down. */
const WITNESSES_SHOWN = 3;

export function printReport(report: StatusReport, options: { colour: boolean; only: string | null }): string {
  const { at, services, instances, proxies, watchers, registrars, queues, rollout } = report;
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
  if (rollout.stopped.length > 0)
    add(
      'ROLLOUT',
      ['what', 'stopped at', 'since', 'has it', 'why'],
      rollout.stopped.map((stop) => stopRow(stop, at)),
      GO_ON,
    );
  const { rows, note: others } = proxyRows(proxies, at);
  add('PROXIES', ['proxy', 'pool', 'haproxy', 'worker', 'heard of', 'checks by', 'backends', 'to look at', 'last reload'], rows, others);
  if (rows.length === 0 && others !== null) parts.push(`PROXIES: ${others}`);
  add('WATCHERS', ['watcher', 'role', 'heard of', 'zookeeper', 'services'], watcherRows(watchers, at));
  const registering = registrarRows(registrars, at);
  add('REGISTRARS', ['registrar', 'heard of', 'zookeeper', 'entries', 'not registered'], registering.rows, registering.note);
  if (registering.rows.length === 0 && registering.note !== null) parts.push(`REGISTRARS: ${registering.note}`);
  add('BACKENDS', ['proxy', 'service', 'state', 'since', 'next try', 'detail'], backendRows(proxies, at, only !== null));
  add('OVERRIDES', OVERRIDES_HEAD, overrideRows(proxies, at, ROWS_MAX));
  const busy = queues.length <= QUEUES_SHOWN ? queues : queues.filter(isBusy);
  const idle = queues.length - busy.length;
  add('QUEUES', ['queue', 'waiting', 'active', 'delayed', 'failed'], busy.map(queueRow), idle > 0 ? `${idle} more queues are empty` : null);
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
  const { config, path, activePath, mode, check, listen, guard, lag, waitsFor } = service;
  const said = {
    published: `${path}${activePath === null ? '' : ` (now ${activePath})`} ${mode}, ${check === 'none' ? 'no check' : check}${listen === null ? '' : `, ${listen}`}`,
    unread: 'not read by a watcher yet',
    retired: 'no longer configured',
  };
  const until = guard.until === null ? '' : `, next step in ${ageText(guard.until - now)}`;
  return [
    service.service,
    waitsFor !== null
      ? { text: `${config === 'published' && waitsFor !== path ? `${said.published}; ` : ''}waits for path ${waitsFor}`, tone: 'bad' }
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

function stopRow({ what, proxy, at, done, of, reason }: RolloutStatus['stopped'][number], now: number): Row {
  return [what ?? 'the managed defaults', { text: proxy, tone: 'bad' }, ageText(now - at), `${done} of ${of}`, reason];
}

function isBusy({ waiting, active, delayed, failed }: QueueStatus): boolean {
  return waiting + active + delayed + failed > 0;
}

function queueRow({ queue, waiting, active, delayed, failed }: QueueStatus): Row {
  return [queue, String(waiting), String(active), String(delayed), failed === 0 ? '0' : { text: String(failed), tone: 'bad' }];
}

function textOf(cell: string | Cell | undefined): string {
  return typeof cell === 'object' ? cell.text : (cell ?? '');
}
