/**
 * Every refusal that a real HAProxy has for what we send, and for what nobody should: each in HAProxy's own words, and none is taken for success. Lines
 * that our encoder cannot make are sent as they are, and judged as the command that they are like.
 */
import { connect } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PointsmanError } from '../../shared/errors.ts';
import { capabilitiesOf } from '../../shared/haproxy/capabilities.ts';
import { RuntimeConnection } from '../../shared/haproxy/connection.ts';
import { encode } from '../../shared/haproxy/encode.ts';
import { observeAll } from '../../shared/haproxy/observe.ts';
import { judge } from '../../shared/haproxy/protocol.ts';
import type { Command, CommandKind, Outcome } from '../../shared/plan/command.ts';
import { HTTP_DEFAULTS, TestHaproxy } from '../support/haproxy.ts';
import { versionOf } from '../support/haproxy-versions.ts';
import { HTTP_CHECK } from '../support/samples.ts';

const VERSION = Number(versionOf('haproxy'));
/** What this very version is told, so that `wait` is judged where there is one. */
const OWN = capabilitiesOf(`${versionOf('haproxy')}.0`);

let haproxy: TestHaproxy;
let sockets: { user: string; operator: string };

beforeAll(async () => {
  haproxy = await TestHaproxy.prepare({ sections: '' });
  sockets = { user: join(haproxy.folder.path, 'user.sock'), operator: join(haproxy.folder.path, 'operator.sock') };
  await haproxy.configure({
    global: `  stats socket ${sockets.user} level user\n  stats socket ${sockets.operator} level operator`,
    sections: `${HTTP_DEFAULTS}
backend web
  balance roundrobin
  server file 127.0.0.1:9 id 1
  server pinned 127.0.0.1:9 id 2 check inter 1h
  server follows 127.0.0.1:9 id 3 track pinned
  server used 127.0.0.1:9 id 4 disabled
  server asked 127.0.0.1:9 id 75 agent-check agent-port 9 agent-inter 1h
  use-server used if { path /used }
backend fixed
  balance static-rr
backend mapped
  balance source
`,
  });
  await haproxy.run();
  await haproxy.cli(
    'add server web/taken 127.0.0.1:9 id 77',
    'add server web/plain 127.0.0.1:9 id 78',
    'add server web/maint 127.0.0.1:9 id 79',
  );
  await haproxy.cli('set server web/pinned state maint', 'set server web/plain state ready');
});

afterAll(() => haproxy.stop());

const AT = { backend: 'web', server: 'plain' } as const;
const LIKE: Readonly<Record<CommandKind, Command>> = {
  add: {
    kind: 'add',
    ...AT,
    id: 1,
    address: '127.0.0.1',
    port: 9,
    weight: 1,
    config: { check: { type: 'none' }, server: { maxConn: null } },
  },
  admit: { kind: 'admit', ...AT, checked: true, agent: true },
  'enable-health': { kind: 'enable-health', ...AT },
  ready: { kind: 'ready', ...AT },
  drain: { kind: 'drain', ...AT },
  maint: { kind: 'maint', ...AT },
  address: { kind: 'address', ...AT, address: '127.0.0.1', port: 9 },
  weight: { kind: 'weight', ...AT, weight: 1 },
  'max-conn': { kind: 'max-conn', ...AT, maxConn: 1 },
  'check-target': { kind: 'check-target', ...AT, address: '127.0.0.1', port: 9 },
  'agent-target': { kind: 'agent-target', ...AT, address: '127.0.0.1', port: 9 },
  'shutdown-sessions': { kind: 'shutdown-sessions', ...AT },
  delete: { kind: 'delete', ...AT },
};
const KINDS = Object.entries(LIKE) as [CommandKind, Command][];

type Verdict = Outcome | 'unexpected';

function judged(command: Command, replies: readonly string[]): Verdict {
  try {
    return judge(command, OWN, replies);
  } catch (error) {
    if (!(error instanceof PointsmanError)) throw error;
    expect(error).toMatchObject({ code: 'HAPROXY_REPLY_UNEXPECTED', retry: 'after' });
    return 'unexpected';
  }
}

/** As `kind`: the reply to the one of its lines that is most like `sent`; all others were answered as HAProxy answers when it does what it is told. */
function verdict(kind: CommandKind, sent: string, reply: string): Verdict {
  const lines = encode(LIKE[kind], OWN);
  const words = sent.split(' ');
  const likeness = lines.map((line) => line.split(' ').filter((word, at) => words[at] === word).length);
  const at = likeness.indexOf(Math.max(...likeness));
  return judged(
    LIKE[kind],
    lines.map((line, index) => (index === at ? reply : goodReply(line))),
  );
}

function goodReply(line: string): string {
  const [said] = GOOD_REPLIES.filter(([beginning]) => line.startsWith(beginning)).map(([, reply]) => reply);
  return said ?? '';
}
const GOOD_REPLIES = [
  ['add server ', '[6]: New server registered.\n'],
  ['wait ', '[6]: Done.\n'],
  ['del server ', '[6]: Server deleted.\n'],
] as const;

/** What is sent, as which command it is judged, HAProxy's words, and what they mean. */
const REFUSALS: readonly (readonly [string, CommandKind, RegExp, Verdict])[] = [
  ['add server web/taken 127.0.0.1:9 id 5', 'add', /Already exists a server with the same name in backend\./, 'already'],
  ['add server nowhere/a 127.0.0.1:9 id 5', 'add', /No such backend\./, 'gone'],
  ['add server fixed/a 127.0.0.1:9 id 5', 'add', /must use a dynamic load balancing|uses a non dynamic load balancing method/, 'refused'],
  ['add server mapped/a 127.0.0.1:9 id 5', 'add', /must use a dynamic load balancing|uses a non dynamic load balancing method/, 'refused'],
  ['add server web/a 127.0.0.1:9 id 77', 'add', /'id' : custom id 77 already used/, 'refused'],
  [
    'add server web/a 127.0.0.1:9 id 0',
    'add',
    VERSION < 3.4 ? /custom id has to be > 0\./ : /custom id has to be between 1 and 4294967295\./,
    'refused',
  ],
  ['add server web/a 127.0.0.1:9 foo', 'add', /unknown keyword 'foo'/, 'refused'],
  ['add server web/a 127.0.0.1:9 "weight', 'add', /unknown keyword '"weight'/, 'refused'],
  // From 3.0 on a server added at runtime may have a cookie.
  ...(VERSION < 3
    ? [['add server web/a 127.0.0.1:9 cookie x', 'add', /'cookie' option is not accepted for dynamic server/, 'refused'] as const]
    : []),
  ['add server web/a 127.0.0.1:9 resolvers x', 'add', /'resolvers' option is not accepted for dynamic server/, 'refused'],
  ['add server web/a 127.0.0.1:9 weight 257', 'add', /weight of server a is not within 0 and 256 \(257\)/, 'refused'],
  ['add server web/a 127.0.0.1:9 check rise 0', 'add', /'rise' has to be > 0/, 'refused'],
  ['add server web/a 127.0.0.1:99999', 'add', /invalid port '99999'/, 'refused'],
  ['add server web/a 127.0.0.1:10-20', 'add', /port range not permitted here in '127\.0\.0\.1:10-20'/, 'refused'],
  ['add server web/a fd@3', 'add', /a file descriptor is not acceptable here in 'fd@3'/, 'refused'],
  ['add server web/a 127.0.0.1:9 ssl verify required ca-file /nowhere.pem', 'add', /'ca-file' : unable to load \/nowhere\.pem/, 'refused'],
  ['add server web/a#b 127.0.0.1:9', 'add', /character '#' is not permitted in server name 'a#b'/, 'refused'],
  ['add server web/a 127.0.0.1:9 agent-check', 'add', /server a does not have agent port\. Agent check has been disabled/, 'refused'],
  ['add server web/a', 'add', /expects <name> and <addr>/, 'refused'],
  ['add server web 127.0.0.1:9', 'add', /Require 'backend\/server'/, 'refused'],
  ['add serve web/a 127.0.0.1:9', 'add', /Unknown command/, 'unexpected'],

  ['del server web/nobody', 'delete', /No such server\./, 'gone'],
  ['del server nowhere/a', 'delete', /No such backend\./, 'gone'],
  ['del server web/plain', 'delete', /Only servers in maintenance mode can be deleted\./, 'refused'],
  ['del server web/pinned', 'delete', /cannot be removed at runtime due to other configuration elements pointing to it\./, 'refused'],
  ['del server web/used', 'delete', /cannot be removed at runtime due to other configuration elements pointing to it\./, 'refused'],
  ['del server web', 'delete', /Require 'backend\/server'/, 'refused'],
  ...(OWN.waitRemovable
    ? ([
        ['wait 50ms srv-removable web', 'delete', /Require 'backend\/server'\./, 'refused'],
        ['wait nonsense srv-removable web/plain', 'delete', /Invalid duration\./, 'refused'],
        ['wait 50ms srv-unremovable web/plain', 'delete', /Usage: wait /, 'refused'],
      ] as const)
    : ([['wait 50ms srv-removable web/plain', 'delete', /Unknown command/, 'unexpected']] as const)),

  ['set server web/nobody state drain', 'drain', /No such server\./, 'gone'],
  ['set server nowhere/a state drain', 'drain', /No such backend\./, 'gone'],
  ['set server web/plain state nonsense', 'drain', /expects 'ready', 'drain' and 'maint'\./, 'refused'],
  ['set server web state drain', 'drain', /Require 'backend\/server'\./, 'refused'],
  ['set server web/plain health nonsense', 'admit', /expects 'up', 'stopping', or 'down'/, 'refused'],
  ['set server web/follows health up', 'admit', /cannot change health on a tracking server/, 'refused'],
  ['set server web/plain port 9', 'drain', /usage: set server <backend>\/<server>/, 'refused'],
  ['set server web/plain inter 1s', 'drain', /usage: set server <backend>\/<server>/, 'refused'],
  ['set server web/plain fqdn a.example', 'drain', /failed because no resolution is configured/, 'refused'],
  ['set server web/plain agent up', 'drain', /agent checks are not enabled on this server/, 'refused'],
  ['set server web/plain ssl on', 'drain', /'set server <srv> ssl' not supported on dynamic servers/, 'refused'],
  ['set serve web/plain state drain', 'drain', /Unknown command/, 'unexpected'],

  ['enable health web/plain', 'enable-health', /not configured on this server, cannot enable/, 'refused'],
  ['enable health web/nobody', 'enable-health', /No such server\./, 'gone'],
  ['enable health nowhere/a', 'enable-health', /No such backend\./, 'gone'],
  ['enable health web', 'enable-health', /Require 'backend\/server'\./, 'refused'],
  ['enable agent web/plain', 'admit', /Agent was not configured on this server, cannot enable\./, 'refused'],
  ['enable agent web/nobody', 'admit', /No such server\./, 'gone'],
  ['enable agent nowhere/a', 'admit', /No such backend\./, 'gone'],
  ['enable agent web', 'admit', /Require 'backend\/server'\./, 'refused'],

  ['set maxconn server web/plain abc', 'max-conn', /maxconn string empty or preceded by garbage/, 'refused'],
  ['set maxconn server web/plain', 'max-conn', /Require <maxconn>\./, 'refused'],
  ['set maxconn server web', 'max-conn', /Require 'backend\/server'\./, 'refused'],
  ['set maxconn server web/nobody 1', 'max-conn', /No such server\./, 'gone'],
  ['set maxconn server nowhere/a 1', 'max-conn', /No such backend\./, 'gone'],

  ...(['check', 'agent'] as const).flatMap((what) => targetRefusals(what)),

  ['set server web/plain weight 257', 'weight', /Absolute weight can only be between 0 and 256 inclusive\./, 'refused'],
  ['set server web/plain weight -1', 'weight', /Absolute weight can only be between 0 and 256 inclusive\./, 'refused'],
  ['set server web/plain weight abc', 'weight', /Empty weight string empty or preceded by garbage/, 'refused'],
  ['set server web/plain weight', 'weight', /Require <weight> or <weight%>\./, 'refused'],
  ['set server web/nobody weight 1', 'weight', /No such server\./, 'gone'],

  ['set server web/plain addr foo.example', 'address', /Invalid addr 'foo\.example'/, 'unexpected'],
  ['set server web/plain addr unix@/x', 'address', /Invalid addr 'unix@\/x'/, 'unexpected'],
  ['set server web/plain addr 127.0.0.1 port abc', 'address', /problem converting port 'abc' to an int/, 'unexpected'],
  ['set server web/nobody addr 127.0.0.1 port 9', 'address', /No such server\./, 'gone'],
  ['set server web/plain addr', 'address', /addr requires an address and optionally a port\./, 'refused'],

  ['shutdown sessions server web/nobody', 'shutdown-sessions', /No such server\./, 'gone'],
  ['shutdown sessions server nowhere/a', 'shutdown-sessions', /No such backend\./, 'gone'],
  ['shutdown session server web/plain', 'shutdown-sessions', /Session pointer expected \(use 'show sess'\)\./, 'refused'],
  ['shutdown sessions server web', 'shutdown-sessions', /Require 'backend\/server'\./, 'refused'],
];

/** Where checks go, and where the agent is asked: said alike, and refused alike. */
function targetRefusals(what: 'check' | 'agent'): (readonly [string, CommandKind, RegExp, Verdict])[] {
  const kind = `${what}-target` as const;
  // One that has a check or an agent that is on.
  const on = `web/${what === 'check' ? 'pinned' : 'asked'}`;
  const off = new RegExp(`${what === 'check' ? 'health' : 'agent'} checks are not enabled on this server`);
  return [
    [`set server web/plain ${what}-port 9`, kind, off, 'refused'],
    [`set server web/plain ${what}-addr 127.0.0.1`, kind, off, 'refused'],
    [`set server ${on} ${what}-port 70000`, kind, /provided port is invalid/, 'refused'],
    [`set server ${on} ${what}-port abc`, kind, /provided port is not an integer/, 'refused'],
    [`set server ${on} ${what}-addr foo.example`, kind, /invalid addr 'foo\.example'/, 'refused'],
    [`set server ${on} ${what}-port`, kind, new RegExp(`${what}-port requires a port\\.`), 'refused'],
    [`set server ${on} ${what}-addr`, kind, new RegExp(`${what}-addr requires an address and optionally a port\\.`), 'refused'],
    [`set server web/nobody ${what}-port 9`, kind, /No such server\./, 'gone'],
    [`set server nowhere/a ${what}-addr 127.0.0.1`, kind, /No such backend\./, 'gone'],
  ];
}

describe('refusals', () => {
  it.each(REFUSALS)('%s', async (line, kind, words, expected) => {
    const before = (await haproxy.cli('show servers state'))[0];
    const [reply = ''] = await haproxy.cli(line);
    expect(reply).toMatch(words);
    expect(verdict(kind, line, reply), reply).toBe(expected);
    expect((await haproxy.cli('show servers state'))[0]?.replace(/ \d+ (?=\d+ \d+ \d+ \d+ \d+ )/g, ' ')).toEqual(
      before?.replace(/ \d+ (?=\d+ \d+ \d+ \d+ \d+ )/g, ' '),
    );
  });

  it('an answer for one kind of command is none for another', () => {
    expect(verdict('delete', 'del server web/plain', '[6]: New server registered.\n')).toBe('unexpected');
    expect(verdict('add', 'add server web/plain', '[6]: Server deleted.\n')).toBe('unexpected');
    expect(verdict('add', 'add server web/plain', '')).toBe('unexpected');
    expect(verdict('drain', 'set server web/plain', '[6]: New server registered.\n')).toBe('unexpected');
    expect(verdict('address', 'set server web/plain', '\n')).toBe('unexpected');
  });
});

describe('a whole command', () => {
  const said = async (command: Command): Promise<Verdict> => judged(command, await haproxy.cli(...encode(command, OWN)));

  it.each(KINDS)('%s: for a server or backend that is not there, it says so', async (kind, command) => {
    expect(await said({ ...command, backend: 'nowhere' })).toBe('gone');
    if (kind !== 'add') expect(await said({ ...command, server: 'nobody' })).toBe('gone');
  });

  it.each<[string, CommandKind, string]>([
    ['one that takes requests is not deleted', 'delete', 'plain'],
    ['nor one that something refers to', 'delete', 'pinned'],
    ['one without a check gets none', 'enable-health', 'maint'],
    ['nor is it let in as if it had one and an agent', 'admit', 'maint'],
    ['nor is its check sent elsewhere', 'check-target', 'maint'],
    ['nor its agent asked elsewhere', 'agent-target', 'maint'],
  ])('%s', async (_, kind, server) => {
    expect(await said({ ...LIKE[kind], server })).toBe('refused');
  });
});

describe('a socket of too low a level', () => {
  it.each(['user', 'operator'] as const)('%s: each command is refused, and what cannot be read is said', async (level) => {
    const connection = await RuntimeConnection.open({ kind: 'unix', path: sockets[level] });
    try {
      for (const [kind, command] of KINDS) {
        for (const line of encode(command, OWN)) {
          const [reply = ''] = await connection.send([line]);
          expect(reply).toMatch(/Permission denied/);
          expect(verdict(kind, line, reply), line).toBe('refused');
        }
      }
      if (level === 'user') await expect(observeAll(connection)).rejects.toMatchObject({ code: 'HAPROXY_STATE_UNREADABLE' });
    } finally {
      connection.close();
    }
  });
});

describe('what is too long', () => {
  it('closes the connection, on 2.6 without a word: an error, and no success', async () => {
    const socket = connect(haproxy.runtime.path);
    let answer = '';
    socket.on('data', (chunk) => {
      answer += String(chunk);
    });
    const closed = new Promise((resolve) => socket.on('error', () => undefined).on('close', resolve));
    socket.write(`prompt\nadd server web/${'x'.repeat(20_000)} 127.0.0.1:9\n`);
    await closed;
    expect(answer.replaceAll('\n> ', '').trim()).toMatch(VERSION < 3 ? /^$/ : /too big for the buffer size/);
  });
});

it('an error for an unknown answer names command and answer, and stays small', () => {
  const long = `[6]: ${'what '.repeat(100_000)}`;
  const { drain } = LIKE;
  const error = (() => {
    try {
      return judge(drain, OWN, [long]);
    } catch (thrown) {
      return thrown as PointsmanError;
    }
  })() as PointsmanError;
  expect(error.message).toMatch(/"set server web\/plain state drain" with "\[6\]: what what /);
  expect(error.message.length).toBeLessThan(1_000);
  const add = {
    ...(LIKE.add as Command & { kind: 'add' }),
    server: 's'.repeat(128),
    backend: 'b'.repeat(128),
    config: { check: HTTP_CHECK, server: { maxConn: 1 } },
  };
  expect(() =>
    judge(add, OWN, [
      'x'.repeat(10_000),
      ...encode(add, OWN)
        .slice(1)
        .map(() => ''),
    ]),
  ).toThrow(/^HAProxy answered .{100,900}$/);
});
