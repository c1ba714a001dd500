/**
 * PURE. What HAProxy's replies mean. For each class of line the good answers are listed, as 2.6 to 3.4 give them with
 * `set severity-output number`; anything else is either HAProxy's refusal (severity 0 to 3) or a PointsmanError HAPROXY_REPLY_UNEXPECTED that
 * carries command and reply. An answer is recognised by its line being there: notices of other servers can be printed in the midst of it.
 */
import { assert, PointsmanError } from '../errors.ts';
import type { Capabilities } from '../model/capabilities.ts';
import type { Command, Outcome } from '../plan/command.ts';
import { type Line, type LineClass, linesOf, name, whole } from './encode.ts';

/** The map in the memory of a worker of what was made in it: backend -> `<structure>.<form>`. */
export const MADE_MAP = 'virt@pointsman-made';

/** Lines that only read. */
export const READ = {
  info: 'show info',
  environment: 'show env',
  stamp: 'show env POINTSMAN_STAMP',
  backends: 'show backend',
  commands: 'help',
  serverWords: 'add server help',
  servers: 'show servers state',
  made: `show map ${MADE_MAP}`,
  madeOf: (backend: string): string => `get map ${MADE_MAP} ${name(backend)}`,
  structureOf: (backend: string): string => `show env POINTSMAN_SERVICE_${name(backend)}`,
  serversOf: (backend: string): string => `show servers state ${name(backend)}`,
  connectionsOf: (backend: string): string => `show servers conn ${name(backend)}`,
  /** By number: by name HAProxy may take the frontend that is called the same. 4: servers; -1: all of them. */
  statisticsOf: (backendNumber: number): string => `show stat ${whole(backendNumber, 1, 2 ** 31 - 1, 'backend number')} 4 -1`,
} as const;

type Answers = readonly (readonly [outcome: Outcome, text: RegExp])[];

const NOT_THERE: Answers = [
  ['gone', /^No such server\.$/],
  ['gone', /^No such backend\.$/],
];

const ANSWERS: Readonly<Record<LineClass, Answers>> = {
  add: [['done', /^New server registered\.$/], ['already', /^Already exists a server with the same name in backend\.$/], ...NOT_THERE],
  state: NOT_THERE,
  // Said as notices, and nothing was changed.
  health: [
    ['refused', /^(health|agent) checks are not enabled on this server\.?$/],
    ['refused', /^(provided port is (invalid|not an integer)|invalid addr '.*')$/],
    ...NOT_THERE,
  ],
  weight: NOT_THERE,
  'max-conn': NOT_THERE,
  // However the wait ended: what it means is the answer to the line that follows it.
  wait: [['done', /^(Done|Failed|Wait delay expired)\b/]],
  'shutdown-sessions': NOT_THERE,
  address: [
    // 2.6 says of both what became of them, 3.0 and later only what changed.
    ['done', /^((no need to change the addr|IP changed from '.*' to '.*'), )?port changed from '.*' to '.*' by '/],
    ['done', /^IP changed from '.*' to '.*?'(, no need to change the port)? by '/],
    ['already', /^(no need to change the addr, no need to change the port by '|nothing changed$)/],
    ...NOT_THERE,
  ],
  delete: [['done', /^Server deleted\.$/], ['busy', /^Server still has connections attached to it, cannot remove it\.$/], ...NOT_THERE],
};

/** The classes that HAProxy answers with nothing when it did what was asked. */
const SILENT: Readonly<Record<LineClass, boolean>> = {
  add: false,
  state: true,
  health: true,
  weight: true,
  'max-conn': true,
  wait: false,
  'shutdown-sessions': true,
  address: false,
  delete: false,
};

/** What HAProxy reports of servers and backends on its own account. */
const NOTICE =
  /^((Backup )?Server \S+( \('[^']*'\))? (is|enters|remains|was) |Health check for |backend '?\S+'? has no server available!|(Paused|Resumed|Stopping|Stopped|Proxy) )/;
/** The same with its severity, as a line of its own. */
const NOTICE_LINE = new RegExp(`^(?:\\[[0-7]\\]: ?)?${NOTICE.source.slice(1)}.*(?:\\n|$)`, 'gm');
const SEVERITY = /^\[([0-7])\]: ?/;
/** Severity "error" of syslog: this and all below are failures. */
const ERROR_SEVERITY = 3;
/** Characters of a reply that are shown to people. */
const REPLY_SHOWN_MAX = 300;

/** What came of a command, from the replies to its lines, in order. Throws HAPROXY_REPLY_UNEXPECTED. */
export function judge(command: Command, capabilities: Capabilities, replies: readonly string[]): Outcome {
  const lines = linesOf(command, capabilities);
  assert(lines.length === replies.length, `${lines.length} lines have ${replies.length} replies`);
  const outcomes = lines.map((line, index) => judgeLine(line, replies[index] ?? ''));
  const [first] = outcomes;
  // What follows a failed first line fails for that reason.
  if (first !== 'done') return first ?? 'refused';
  return outcomes.find((outcome) => outcome !== 'done') ?? 'done';
}

function judgeLine(line: Line, reply: string): Outcome {
  let refused = false;
  let strange = false;
  for (const raw of reply.split('\n')) {
    const severity = SEVERITY.exec(raw)?.[1];
    const text = raw.replace(SEVERITY, '').trimEnd();
    // A refusal of several lines may have its severity on an empty one.
    if (text === '') {
      refused ||= severity !== undefined && Number(severity) <= ERROR_SEVERITY;
      continue;
    }
    const answer = ANSWERS[line.class].find(([, pattern]) => pattern.test(text));
    if (answer !== undefined) return answer[0];
    if (severity !== undefined && Number(severity) <= ERROR_SEVERITY) refused ||= !NOTICE.test(text);
    else strange ||= !NOTICE.test(text);
  }
  if (refused) return 'refused';
  if (strange || !SILENT[line.class]) throw unexpectedReply(line.text, reply);
  return 'done';
}

/** What a line that reads was answered, without what HAProxy reports of other things in the midst of it. */
export function withoutNotices(reply: string): string {
  return reply.replace(NOTICE_LINE, '');
}

export function unexpectedReply(line: string, reply: string): PointsmanError {
  return new PointsmanError(
    'HAPROXY_REPLY_UNEXPECTED',
    `HAProxy answered ${JSON.stringify(shown(line))} with ${JSON.stringify(shown(reply))}`,
    {
      hint: 'is this HAProxy 2.6 or newer, and its socket of level admin?',
      retry: 'after',
    },
  );
}

/** A reply as a person may see it: one line, bounded, without control characters. */
export function shown(reply: string): string {
  const flat = reply.replace(/\p{Cc}+/gu, ' ').trim();
  return flat.length <= REPLY_SHOWN_MAX ? flat : `${flat.slice(0, REPLY_SHOWN_MAX)}...`;
}
