/** PURE. A fleet for people: what is troubled first, the rest counted; what is the same for many services of a proxy is said once. */
import { ageText } from '../age.ts';
import type { Cell } from '../table.ts';
import { counted } from './counted.ts';
import type { BackendStatus, ProxyStatus } from './report.ts';
import { statesText } from './summary.ts';
import { type Row, toned } from './tones.ts';

/** Rows of a table in an overview. */
const ROWS_MAX = 100;
/** With more proxies than this, those that are in sync are only counted. */
const PROXIES_SHOWN = 12;
/** Backends of one proxy that stand alike, each with a row of its own. */
const ALIKE_SHOWN = 3;
/** Old workers: each reload leaves one, mostly for a moment. */
const OLD_WORKERS_MANY = 5;

const ORDER = ['unreachable', 'blocked', 'drifted', 'reloading', 'awaiting-reload', 'patching', 'unknown', 'in-sync'];

/** What is troubled first. `note`: of those that are left out; null: none is. */
export function proxyRows(proxies: readonly ProxyStatus[], now: number): { rows: Row[]; note: string | null } {
  const ordered = [...proxies].sort((a, b) => trouble(a) - trouble(b) || (a.proxy < b.proxy ? -1 : 1));
  const listed = ordered.length <= PROXIES_SHOWN ? ordered : ordered.filter((proxy) => trouble(proxy) < ORDER.length).slice(0, ROWS_MAX);
  const rest = ordered.slice(listed.length);
  const well = rest.filter((proxy) => trouble(proxy) === ORDER.length).length;
  const said = [...(well > 0 ? [`${well} in sync`] : []), ...(rest.length > well ? [`${rest.length - well} that are not`] : [])];
  return {
    rows: listed.map((proxy) => proxyRow(proxy, now)),
    note: rest.length === 0 ? null : `${listed.length > 0 ? 'and ' : ''}${said.join(', ')}`,
  };
}

/** 0: the worst; `ORDER.length`: it is well. */
function trouble({ live, unreachable, breaker, backends, lastReload }: ProxyStatus): number {
  if (!live || unreachable !== null || breaker !== null) return 0;
  if (lastReload?.failed != null) return 1;
  const worst = Math.min(...backends.map(({ state }) => ORDER.indexOf(state)).map((at) => (at < 0 ? 1 : at)));
  return worst >= ORDER.indexOf('in-sync') ? ORDER.length : worst + 1;
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

/** Those that are not in sync, and with `all` the others too. */
export function backendRows(proxies: readonly ProxyStatus[], now: number, all: boolean): Row[] {
  const rows = proxies.flatMap(({ proxy, backends }) => groups(backends, all).map((group) => ({ proxy, group })));
  return rows
    .sort((a, b) => rank(a.group) - rank(b.group))
    .slice(0, ROWS_MAX)
    .map(({ proxy, group: [first, ...more] }) => backendRow(proxy, more.length === 0 ? first : alike(first, more), now));
}

type Group = readonly [BackendStatus, ...BackendStatus[]];

/** Many that stand alike stand together. */
function groups(backends: readonly BackendStatus[], all: boolean): Group[] {
  const by = new Map<string, [BackendStatus, ...BackendStatus[]]>();
  for (const backend of backends.filter(({ state }) => all || state !== 'in-sync')) {
    const key = `${backend.state} ${backend.detail ?? ''}`;
    const group = by.get(key);
    if (group === undefined) by.set(key, [backend]);
    else group.push(backend);
  }
  return [...by.values()].flatMap((group) => (group.length > ALIKE_SHOWN ? [group] : group.map((one): Group => [one])));
}

function rank([{ state }]: Group): number {
  return ORDER.indexOf(state);
}

function alike(first: BackendStatus, more: readonly BackendStatus[]): BackendStatus {
  return { ...first, service: `${first.service} and ${more.length} more`, since: Math.min(first.since, ...more.map(({ since }) => since)) };
}

function backendRow(proxy: string, backend: BackendStatus, now: number): Row {
  const { service, state, since, nextTry, detail } = backend;
  const next = nextTry === null ? '' : nextTry <= now ? 'due' : `in ${ageText(nextTry - now)}`;
  return [proxy, service, toned(state), ageText(now - since), next, detail ?? ''];
}
