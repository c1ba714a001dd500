/** HAProxy's real replies, and what each means. */
import { describe, expect, it } from 'vitest';
import { PointsmanError } from '../../shared/errors.ts';
import { encode } from '../../shared/haproxy/encode.ts';
import { judge, shown } from '../../shared/haproxy/protocol.ts';
import type { Command, CommandKind, Outcome } from '../../shared/plan/command.ts';
import { HAPROXY_2_6, HAPROXY_3_4, HTTP_CHECK } from '../support/samples.ts';

const AT = { backend: 'web', server: 'a' } as const;
const EXAMPLES: Readonly<Record<CommandKind, Command>> = {
  add: { kind: 'add', ...AT, id: 1, address: '10.0.0.1', port: 80, weight: 1, config: { check: HTTP_CHECK, server: { maxConn: null } } },
  admit: { kind: 'admit', ...AT, checked: true },
  'enable-health': { kind: 'enable-health', ...AT },
  ready: { kind: 'ready', ...AT },
  drain: { kind: 'drain', ...AT },
  maint: { kind: 'maint', ...AT },
  address: { kind: 'address', ...AT, address: '10.0.0.2', port: 81 },
  weight: { kind: 'weight', ...AT, weight: 2 },
  'max-conn': { kind: 'max-conn', ...AT, maxConn: 50 },
  'agent-target': { kind: 'agent-target', ...AT, address: '10.0.0.3', port: 82 },
  'check-target': { kind: 'check-target', ...AT, address: null, port: 81 },
  'shutdown-sessions': { kind: 'shutdown-sessions', ...AT },
  delete: { kind: 'delete', ...AT },
};

/** The replies to all lines of a command: `first`, then silence. */
function replies(command: Command, first: string): string[] {
  return encode(command, HAPROXY_2_6).map((_, index) => (index === 0 ? first : ''));
}

/** Replies of HAProxy 2.6.12, as they stand before the prompt. */
const ANSWERS: readonly (readonly [CommandKind, string, Outcome | 'unexpected'])[] = [
  ['add', '[6]: New server registered.\n', 'done'],
  ['add', '[3]: Already exists a server with the same name in backend.\n', 'already'],
  ['add', '[3]: No such backend.', 'gone'],
  ['add', "[3]: 'id' : custom id 8 already used at (null):0 ('server v6').\n", 'refused'],
  ['add', '[3]: Backend must use a dynamic load balancing to support dynamic servers.', 'refused'],
  ['add', "[3]: unknown keyword 'foo'; did you mean 'tfo' maybe ?\n", 'refused'],
  ['add', "[3]: \n  'source 2001:db8::9' : invalid address: '2001:db8:' in '2001:db8::9'\n  \n.", 'refused'],
  ['add', '', 'unexpected'],
  ['admit', '', 'done'],
  ['admit', '[3]: Health check was not configured on this server, cannot enable.\n', 'refused'],
  ['enable-health', '', 'done'],
  ['enable-health', '[3]: No such server.\n', 'gone'],
  ['ready', '', 'done'],
  ['ready', '[3]: No such server.\n', 'gone'],
  ['drain', '[3]: No such backend.\n', 'gone'],
  ['drain', "[3]: 'set server <srv> state' expects 'ready', 'drain' and 'maint'.\n", 'refused'],
  ['maint', '[3]: Permission denied\n', 'refused'],
  ['maint', '[6]: Server deleted.', 'unexpected'],
  ['weight', '', 'done'],
  ['max-conn', '', 'done'],
  ['max-conn', '[3]: No such server.\n', 'gone'],
  ['check-target', '', 'done'],
  ['check-target', '[4]: provided port is invalid', 'refused'],
  ['check-target', "[4]: invalid addr 'foo.example'", 'refused'],
  ['agent-target', '', 'done'],
  ['agent-target', '[4]: agent checks are not enabled on this server', 'refused'],
  ['agent-target', '[4]: provided port is not an integer', 'refused'],
  ['check-target', '[4]: health checks are not enabled on this server', 'refused'],
  ['weight', '[3]: Absolute weight can only be between 0 and 256 inclusive.\n', 'refused'],
  ['address', "[4]: IP changed from '127.0.0.1' to '127.0.0.2', port changed from '9' to '80' by 'stats socket command'\n", 'done'],
  ['address', "[4]: no need to change the addr, port changed from '40173' to '5' by 'stats socket command'\n", 'done'],
  ['address', "[4]: IP changed from '127.0.0.1' to '127.0.0.2', no need to change the port by 'stats socket command'\n", 'done'],
  ['address', "[4]: no need to change the addr, no need to change the port by 'stats socket command'\n", 'already'],
  ['address', "[4]: port changed from '82' to '83' by 'stats socket command'\n", 'done'],
  ['address', "[4]: IP changed from '127.0.0.2' to '127.0.0.3' by 'stats socket command'\n", 'done'],
  ['address', '[4]: nothing changed\n', 'already'],
  ['address', "[4]: no need to change the addr, problem converting port 'abc' to an int by 'stats socket command'\n", 'unexpected'],
  ['address', "[4]: Invalid addr 'foo.example' by 'stats socket command'\n", 'unexpected'],
  ['shutdown-sessions', '', 'done'],
  ['shutdown-sessions', '[3]: No such server.\n', 'gone'],
  ['delete', '[6]: Server deleted.', 'done'],
  ['delete', '[3]: No such server.', 'gone'],
  ['delete', '[3]: Server still has connections attached to it, cannot remove it.', 'busy'],
  ['delete', '[3]: Only servers in maintenance mode can be deleted.', 'refused'],
  ['delete', '[3]: This server cannot be removed at runtime due to other configuration elements pointing to it.', 'refused'],
  ['delete', '', 'unexpected'],
];

const UNKNOWN =
  '[6]: Unknown command, but maybe one of the following ones is a better match:\n  add acl [@<ver>] <acl> <pattern>        : add an acl entry\n';
/** As 3.4 prints them in the midst of other replies. */
const NOTICES = 'Server web/other is UP, reason: Layer4 check passed, check duration: 0ms. 1 active and 0 backup servers online.\n';
const ALERT = "[1]: backend 'web' has no server available!\n";

function verdict(command: Command, first: string): Outcome | 'unexpected' {
  try {
    return judge(command, HAPROXY_2_6, replies(command, first));
  } catch (error) {
    if (!(error instanceof PointsmanError)) throw error;
    expect(error.code).toBe('HAPROXY_REPLY_UNEXPECTED');
    return 'unexpected';
  }
}

/** Of `wait` and `del server`, as 3.0 and 3.4 give them. */
const DELETES: readonly (readonly [wait: string, del: string, Outcome])[] = [
  ['[6]: Done.\n', '[6]: Server deleted.\n', 'done'],
  [
    '[3]: Wait delay expired. Server still has connections attached to it, cannot remove it.\n',
    '[3]: Server still has connections attached to it, cannot remove it.\n',
    'busy',
  ],
  ['[3]: Failed.\n', '[3]: No such server.\n', 'gone'],
  ['[3]: Failed. No such backend.\n', '[3]: No such backend.\n', 'gone'],
  ['[3]: Failed. Only servers in maintenance mode can be deleted.\n', '[3]: Only servers in maintenance mode can be deleted.\n', 'refused'],
  ['[3]: Wait delay expired.\n', '[6]: Server deleted.\n', 'done'],
];

describe('judge', () => {
  it.each(ANSWERS)('%s: %j is %s', (kind, reply, expected) => {
    expect(verdict(EXAMPLES[kind], reply)).toBe(expected);
  });

  it.each(ANSWERS)('%s: %j is %s among notices of other servers', (kind, reply, expected) => {
    expect(verdict(EXAMPLES[kind], `${NOTICES}${ALERT}${reply}\n${NOTICES}`)).toBe(expected);
  });

  it.each(Object.values(EXAMPLES))('$kind: an unknown command is no success', (command) => {
    expect(verdict(command, UNKNOWN)).toBe('unexpected');
  });

  it('the first line of a recipe decides, then the first that failed', () => {
    const add = EXAMPLES.add;
    const gone = '[3]: No such server.\n';
    const refused = "[3]: 'id' : custom id 8 already used\n";
    expect(judge(add, HAPROXY_2_6, [refused, gone, gone, gone, gone])).toBe('refused');
    expect(judge(add, HAPROXY_2_6, ['[6]: New server registered.\n', '', gone, gone, gone])).toBe('gone');
  });

  it('an error names command and reply', () => {
    expect(() => judge(EXAMPLES.ready, HAPROXY_2_6, ['what?'])).toThrow('"set server web/a state ready" with "what?"');
  });
});

describe('shown', () => {
  it('is one bounded line without control characters', () => {
    expect(shown('a\n\u001b[31mb\u009bc\n')).toBe('a [31mb c');
    expect(shown('x'.repeat(10_000)).length).toBeLessThan(400);
  });
});

describe('a delete that waits', () => {
  it.each(DELETES)('%j, then %j is %s', (wait, del, outcome) => {
    expect(judge(EXAMPLES.delete, HAPROXY_3_4, [wait, del])).toBe(outcome);
  });

  it('is not taken for done when the wait is answered by what it never is', () => {
    expect(() => judge(EXAMPLES.delete, HAPROXY_3_4, ['', '[6]: Server deleted.\n'])).toThrow(PointsmanError);
  });
});
