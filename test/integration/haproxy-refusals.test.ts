/**
 * Every refusal that a real HAProxy has for what we send, and for what nobody should: each in HAProxy's own words, and none is taken for success. Lines
 * that our encoder cannot make are sent as they are, and judged as the command that they are like.
 */
import { connect } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PointsmanError } from '../../shared/errors.ts';
import { RuntimeConnection } from '../../shared/haproxy/connection.ts';
import { encode } from '../../shared/haproxy/encode.ts';
import { observeAll } from '../../shared/haproxy/observe.ts';
import { judge } from '../../shared/haproxy/protocol.ts';
import type { Command, CommandKind, Outcome } from '../../shared/plan/command.ts';
import { HTTP_DEFAULTS, TestHaproxy } from '../support/haproxy.ts';
import { versionOf } from '../support/haproxy-versions.ts';
import { HAPROXY_2_6, HTTP_CHECK } from '../support/samples.ts';

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
const LIKE: Readonly<Partial<Record<CommandKind, Command>>> = {
  add: {
    kind: 'add',
    ...AT,
    id: 1,
    address: '127.0.0.1',
    port: 9,
    weight: 1,
    config: { check: { type: 'none' }, server: { maxConn: null } },
  },
  'enable-health': { kind: 'enable-health', ...AT },
  drain: { kind: 'drain', ...AT },
  address: { kind: 'address', ...AT, address: '127.0.0.1', port: 9 },
  weight: { kind: 'weight', ...AT, weight: 1 },
  'shutdown-sessions': { kind: 'shutdown-sessions', ...AT },
  delete: { kind: 'delete', ...AT },
};

type Verdict = Outcome | 'unexpected';

/** As `kind`, all of whose other lines were answered with silence. */
function verdict(kind: CommandKind, reply: string): Verdict {
  const like = LIKE[kind];
  if (like === undefined) throw new Error(`no sample of ${kind}`);
  try {
    return judge(
      like,
      HAPROXY_2_6,
      encode(like, HAPROXY_2_6).map((_, index) => (index === 0 ? reply : '')),
    );
  } catch (error) {
    if (!(error instanceof PointsmanError)) throw error;
    expect(error).toMatchObject({ code: 'HAPROXY_REPLY_UNEXPECTED', retry: 'after' });
    return 'unexpected';
  }
}

/** What is sent, as which command it is judged, HAProxy's words, and what they mean. */
const REFUSALS: readonly (readonly [string, CommandKind, RegExp, Verdict])[] = [
  ['add server web/taken 127.0.0.1:9 id 5', 'add', /Already exists a server with the same name in backend\./, 'already'],
  ['add server nowhere/a 127.0.0.1:9 id 5', 'add', /No such backend\./, 'gone'],
  ['add server fixed/a 127.0.0.1:9 id 5', 'add', /must use a dynamic load balancing|uses a non dynamic load balancing method/, 'refused'],
  ['add server mapped/a 127.0.0.1:9 id 5', 'add', /must use a dynamic load balancing|uses a non dynamic load balancing method/, 'refused'],
  ['add server web/a 127.0.0.1:9 id 77', 'add', /'id' : custom id 77 already used/, 'refused'],
  ['add server web/a 127.0.0.1:9 id 0', 'add', /custom id has to be (> 0|between 1 and )/, 'refused'],
  ['add server web/a 127.0.0.1:9 foo', 'add', /unknown keyword 'foo'/, 'refused'],
  ['add server web/a 127.0.0.1:9 "weight', 'add', /unknown keyword '"weight'/, 'refused'],
  // From 3.0 on a server added at runtime may have a cookie.
  ...(Number(versionOf('haproxy')) < 3
    ? [['add server web/a 127.0.0.1:9 cookie x', 'add', /'cookie' option is not accepted for dynamic server/, 'refused'] as const]
    : []),
  ['add server web/a 127.0.0.1:9 resolvers x', 'add', /not accepted for dynamic server/, 'refused'],
  ['add server web/a 127.0.0.1:9 weight 257', 'add', /weight/, 'refused'],
  ['add server web/a 127.0.0.1:9 check rise 0', 'add', /rise/, 'refused'],
  ['add server web/a 127.0.0.1:99999', 'add', /invalid port '99999'/, 'refused'],
  ['add server web/a 127.0.0.1:10-20', 'add', /port range/, 'refused'],
  ['add server web/a fd@3', 'add', /./, 'refused'],
  ['add server web/a 127.0.0.1:9 ssl verify required ca-file /nowhere.pem', 'add', /unable to load \/nowhere\.pem|ca-file/, 'refused'],
  ['add server web/a#b 127.0.0.1:9', 'add', /character '#' is not permitted in server name 'a#b'/, 'refused'],
  ['add server web/a', 'add', /expects <name> and <addr>/, 'refused'],
  ['add server web 127.0.0.1:9', 'add', /Require 'backend\/server'/, 'refused'],
  ['add serve web/a 127.0.0.1:9', 'add', /Unknown command/, 'unexpected'],
  ['', 'add', /^$/, 'unexpected'],

  ['del server web/nobody', 'delete', /No such server\./, 'gone'],
  ['del server nowhere/a', 'delete', /No such (backend|server)\./, 'gone'],
  ['del server web/plain', 'delete', /Only servers in maintenance mode can be deleted\./, 'refused'],
  ['del server web/pinned', 'delete', /cannot be removed at runtime due to other configuration elements pointing to it\./, 'refused'],
  ['del server web/used', 'delete', /cannot be removed at runtime due to other configuration elements pointing to it\./, 'refused'],
  ['del server web', 'delete', /Require 'backend\/server'/, 'refused'],

  ['set server web/nobody state drain', 'drain', /No such server\./, 'gone'],
  ['set server nowhere/a state drain', 'drain', /No such backend\./, 'gone'],
  ['set server web/plain state nonsense', 'drain', /expects 'ready', 'drain' and 'maint'\./, 'refused'],
  ['set server web state drain', 'drain', /Require 'backend\/server'|No such (server|backend)/, 'refused'],
  ['set server web/plain health nonsense', 'drain', /expects 'up', 'stopping', or 'down'/, 'refused'],
  ['set server web/follows health up', 'drain', /cannot change health on a tracking server/, 'refused'],
  ['set server web/plain port 9', 'drain', /usage: set server <backend>\/<server>/, 'refused'],
  ['set server web/plain inter 1s', 'drain', /usage: set server <backend>\/<server>/, 'refused'],
  ['set server web/plain fqdn a.example', 'drain', /failed because no resolution is configured/, 'refused'],
  ['set server web/plain agent up', 'drain', /agent checks are not enabled on this server/, 'refused'],
  ['set server web/plain check-port 9', 'drain', /health checks are not enabled on this server/, 'unexpected'],
  ['set server web/plain ssl on', 'drain', /not supported on dynamic servers|ssl/, 'refused'],
  ['set serve web/plain state drain', 'drain', /Unknown command/, 'unexpected'],

  ['enable health web/plain', 'enable-health', /not configured on this server, cannot enable/, 'refused'],
  ['enable health web/nobody', 'enable-health', /No such server\./, 'gone'],
  ['enable health nowhere/a', 'enable-health', /No such backend\./, 'gone'],

  ['set server web/plain weight 257', 'weight', /Absolute weight can only be between 0 and 256 inclusive\./, 'refused'],
  ['set server web/plain weight -1', 'weight', /Absolute weight can only be between 0 and 256 inclusive\./, 'refused'],
  ['set server web/plain weight abc', 'weight', /Empty weight string empty or preceded by garbage/, 'refused'],
  ['set server web/plain weight', 'weight', /weight/, 'refused'],
  ['set server web/nobody weight 1', 'weight', /No such server\./, 'gone'],

  ['set server web/plain addr foo.example', 'address', /Invalid addr 'foo\.example'/, 'unexpected'],
  ['set server web/plain addr unix@/x', 'address', /Invalid addr 'unix@\/x'/, 'unexpected'],
  ['set server web/plain addr 127.0.0.1 port abc', 'address', /problem converting port 'abc' to an int/, 'unexpected'],
  ['set server web/nobody addr 127.0.0.1 port 9', 'address', /No such server\./, 'gone'],
  ['set server web/plain addr', 'address', /addr/, 'refused'],

  ['shutdown sessions server web/nobody', 'shutdown-sessions', /No such server\./, 'gone'],
  ['shutdown sessions server nowhere/a', 'shutdown-sessions', /No such backend\./, 'gone'],
  ['shutdown session server web/plain', 'shutdown-sessions', /No such session|Unknown command|session/i, 'refused'],
];

describe('refusals', () => {
  it.each(REFUSALS.filter(([line]) => line !== ''))('%s', async (line, kind, words, expected) => {
    const before = (await haproxy.cli('show servers state'))[0];
    const [reply = ''] = await haproxy.cli(line);
    expect(reply).toMatch(words);
    expect(verdict(kind, reply), reply).toBe(expected);
    expect((await haproxy.cli('show servers state'))[0]?.replace(/ \d+ (?=\d+ \d+ \d+ \d+ \d+ )/g, ' ')).toEqual(
      before?.replace(/ \d+ (?=\d+ \d+ \d+ \d+ \d+ )/g, ' '),
    );
  });

  it('an answer for one kind of command is none for another', () => {
    expect(verdict('delete', '[6]: New server registered.\n')).toBe('unexpected');
    expect(verdict('add', '[6]: Server deleted.\n')).toBe('unexpected');
    expect(verdict('drain', '[6]: New server registered.\n')).toBe('unexpected');
    expect(verdict('address', '\n')).toBe('unexpected');
  });
});

describe('a socket of too low a level', () => {
  it.each(['user', 'operator'] as const)('%s: each command is refused, and what cannot be read is said', async (level) => {
    const connection = await RuntimeConnection.open({ kind: 'unix', path: sockets[level] });
    try {
      for (const [kind, command] of Object.entries(LIKE) as [CommandKind, Command][]) {
        for (const line of encode(command, HAPROXY_2_6)) {
          const [reply = ''] = await connection.send([line]);
          expect(reply).toMatch(/Permission denied/);
          expect(verdict(kind, reply), line).toBe('refused');
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
    expect(answer.replaceAll('\n> ', '').trim()).toMatch(Number(versionOf('haproxy')) < 3 ? /^$/ : /too big for the buffer size/);
  });
});

it('an error for an unknown answer names command and answer, and stays small', () => {
  const long = `[6]: ${'what '.repeat(100_000)}`;
  const drain = LIKE.drain as Command;
  const error = (() => {
    try {
      return judge(drain, HAPROXY_2_6, [long]);
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
  expect(() => judge(add, HAPROXY_2_6, ['x'.repeat(10_000), '', '', '', ''])).toThrow(/^HAProxy answered .{100,900}$/);
});
