/**
 * The answer for people: what is so and why on top, then the chain that led to it, then how each proxy stands. Every text that came from outside is made
 * printable. `now` is the asker's.
 */
import picocolors from 'picocolors';
import { ageText } from '../age.ts';
import { printable } from '../printable.ts';
import { type Cell, formatTable } from '../table.ts';
import { clockText } from './clock.ts';
import type { Action, Link, ProxyStanding, Reason, WhyReport } from './report.ts';

/** Links that are printed; the JSON has more. */
const LINKS_MAX = 5;
/** Actions printed of one link. */
const ACTIONS_MAX = 12;
/** Proxies that go into the table. */
const ROWS_MAX = 50;
/** `HH:MM:SS.mmm`, and the time since the line before it. */
const CLOCK_WIDTH = 12;
const STEP_WIDTH = 9;

interface How {
  readonly colour: boolean;
  readonly now: number;
}

export function printWhy(report: WhyReport, how: How): string {
  const parts = [head(report, how)];
  const chain = report.instance === null ? latestLines(report, how) : chainLines(report, how);
  if (chain.length > 0) parts.push(chain.join('\n'));
  if (report.proxies.length > 0) parts.push(proxyTable(report, how));
  if (report.notes.length > 0) parts.push(report.notes.map((note) => `note: ${printable(note)}`).join('\n'));
  return parts.join('\n\n');
}

function head(report: WhyReport, how: How): string {
  const { service, instance, state, since, at, past, overview } = report;
  const { bold } = picocolors.createColors(how.colour);
  const name = instance === null ? service : `${instance} of ${service}`;
  const verb = past ? `was, at ${clockText(at, how.now)},` : 'is';
  const lasting = since === null ? '' : ` since ${clockText(since, how.now)}${past ? '' : ` (${ageText(at - since)} ago)`}`;
  const lines = [bold(`${printable(name)} ${verb} ${printable(state.replaceAll('-', ' '))}${lasting}`)];
  if (overview !== null) {
    const { path, activePath, check, configured, complete, guard, states } = overview;
    const counts = Object.entries(states).map(([word, number]) => `${number} ${word}`);
    lines.push(
      `  config     ${path === null ? 'none' : `${printable(path)}${activePath === null ? '' : ` (now ${printable(activePath)})`}, check ${printable(check ?? '')}`}${time(', published', configured, how)}`,
      `  read       ${complete === null ? unreadText(report) : `completely${time(', first', complete, how)}`}`,
      `  guard      ${guard.state}${guard.held > 0 ? `: keeps ${guard.held}` : ''}${time(', since', guard.since, how)}${time(', until', guard.until, how)}`,
      `  instances  ${counts.length === 0 ? 'none' : counts.map(printable).join(', ')}`,
    );
  }
  return [
    ...lines,
    ...report.reasons.map((reason, index) => `  ${reasonText(reason, index === 0 ? 'because' : 'also', report, how)}`),
  ].join('\n');
}

function unreadText({ state, reasons }: WhyReport): string {
  const never = state === 'unread' || reasons.some(({ code }) => code === 'service-not-read');
  return never ? 'never completely' : 'completely, the log does not say since when';
}

function reasonText({ code, text, proxy, since, until }: Reason, word: string, { state, past }: WhyReport, how: How): string {
  const who = proxy ?? word;
  // The state's own time stands in the first line.
  const from = code === state ? '' : time(', since', since, how);
  const to = `${time(proxy === null ? ', until' : ', next try', until, how)}${left(until, past, how)}`;
  return `${printable(who)}: ${printable(text)}${from}${to}`;
}

function chainLines({ chain, earlier, instance }: WhyReport, how: How): string[] {
  const shown = chain.slice(-LINKS_MAX);
  const rest = earlier + chain.length - shown.length;
  const lines =
    rest === 0 ? [] : [`  (${rest} earlier ${rest === 1 ? 'change' : 'changes'}: --json lists more, --at shows how it stood then)`];
  if (shown.length === 0) return instance === null ? [] : ['  nothing of it is in the log'];
  let last: number | null = null;
  for (const link of shown) {
    lines.push(...linkLines(link, last, how));
    last = link.actions.at(-1)?.at ?? link.event.time;
  }
  return lines;
}

function linkLines({ event, text, until, actions, moreActions }: Link, before: number | null, how: How): string[] {
  const { bold, dim } = picocolors.createColors(how.colour);
  const none = ' '.repeat(CLOCK_WIDTH + STEP_WIDTH);
  const lines = [
    `  ${stamp(event.time, before, how)} ${printable(event.text)}  ${dim(`event ${event.id}`)}`,
    `  ${none} ${bold(`${printable(text)}${time(', until', until, how)}`)}`,
  ];
  let last = event.time;
  for (const action of actions.slice(0, ACTIONS_MAX)) {
    lines.push(`  ${stamp(action.at, last, how)} ${actionText(action, how)}`);
    last = action.at;
  }
  const rest = moreActions + Math.max(0, actions.length - ACTIONS_MAX);
  if (rest > 0) lines.push(`  ${none} and ${rest} more`);
  return lines;
}

function actionText({ proxy, kind, text, reason, outcome, reply, ms }: Action, how: How): string {
  const { red, green } = picocolors.createColors(how.colour);
  if (kind === 'in-sync') return `${printable(proxy)}: ${green('in sync')}`;
  if (kind !== 'command') return `${printable(proxy)}: ${red(printable(kind))}: ${printable(text)}`;
  const took = ms === null ? '' : ` (${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms)`;
  const said = reply === null || reply === '' ? '' : `: ${printable(reply)}`;
  const good = outcome === 'done' || outcome === 'already';
  const answer = outcome === null ? red('no answer on record') : `${(good ? green : red)(printable(outcome))}${took}${said}`;
  return `${printable(proxy)}: ${printable(text)}: ${answer}${reason === null ? '' : `  # ${printable(reason)}`}`;
}

function latestLines({ chain, earlier }: WhyReport, how: How): string[] {
  if (chain.length === 0) return [];
  const lines = chain.map(({ event, instance, text }) => `  ${clockText(event.time, how.now)} ${printable(instance)}: ${printable(text)}`);
  return [`LATEST CHANGES${earlier === 0 ? '' : ` (of ${earlier + chain.length} in the log)`}`, ...lines];
}

function proxyTable({ proxies, moreProxies, at, past, instance }: WhyReport, { colour, now }: How): string {
  const rows = proxies.slice(0, ROWS_MAX).map((one) => {
    const since = one.since === null ? '' : past ? clockText(one.since, now) : `${ageText(at - one.since)} ago`;
    const found = one.verdictDetail === null ? '' : `: ${one.verdictDetail}`;
    const check = one.verdict === null ? '' : `${one.verdict}${time(', since', one.verdictSince, { colour, now })}${found}`;
    const ofInstance = instance === null ? [] : [rotationCell(one), check];
    return [`  ${one.proxy}`, ...ofInstance, one.carried ? one.state : 'not carried', since, one.detail ?? ''];
  });
  const heads = ['  proxy', ...(instance === null ? [] : ['server', 'check']), 'backend', 'since', 'detail'];
  const table = formatTable(heads, rows, colour);
  const rest = moreProxies + Math.max(0, proxies.length - ROWS_MAX);
  return `${table}${rest === 0 ? '' : `\n  and ${rest} more: --proxy shows one`}`;
}

function rotationCell({ rotation }: ProxyStanding): Cell {
  const tones = { in: 'good', out: 'bad', unknown: 'faint' } as const;
  return rotation === null ? { text: '', tone: 'plain' } : { text: rotation, tone: tones[rotation] };
}

/** The time of a line, and how long after the line before it that was. */
function stamp(at: number, before: number | null, { now }: How): string {
  const step = before === null ? '' : stepText(at - before);
  return `${clockText(at, now).padEnd(CLOCK_WIDTH)}${step.padStart(STEP_WIDTH)}`;
}

function stepText(ms: number): string {
  // A record may reach its stream a little before the event that it follows from is on record.
  if (ms < 0) return 'before';
  return ms < 10_000 ? `+${ms} ms` : `+${ageText(ms)}`;
}

function time(word: string, at: number | null, { now }: How): string {
  return at === null ? '' : `${word} ${clockText(at, now)}`;
}

/** How long it is until then, from now. */
function left(until: number | null, past: boolean, { now }: How): string {
  return until === null || past || until < now ? '' : ` (in ${ageText(until - now)})`;
}
