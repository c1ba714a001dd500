/** The parsers of HAProxy's replies, on captured and on broken texts. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { capabilitiesOf, parseCommands, parseServerWords } from '../../shared/haproxy/capabilities.ts';
import { parseCheckResults } from '../../shared/haproxy/parse-check-results.ts';
import { parseBackends, parseEnvironment, parseInfo, parseVariable } from '../../shared/haproxy/parse-process.ts';
import { parseServersState } from '../../shared/haproxy/parse-servers.ts';
import { parseServerConnections, parseStatisticSessions } from '../../shared/haproxy/parse-sessions.ts';
import { PromptFrames } from '../../shared/haproxy/prompt-frames.ts';

/** Replies of HAProxy 2.6.12. */
const STATE = `1
# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight srv_time_since_last_change srv_check_status srv_check_result srv_check_health srv_check_state srv_agent_state bk_f_forced_id srv_f_forced_id srv_fqdn srv_port srvrecord srv_use_ssl srv_check_port srv_check_addr srv_agent_addr srv_agent_port
3 web 77 st 127.0.0.3 0 5 25 1 16 1 0 0 14 0 0 1 - 81 - 0 0 - - 0
3 web 9 a:1 127.0.0.1 0 0 7 7 1 8 2 0 6 0 0 1 - 21777 - 0 0 - - 0
3 web 10 cmaint 127.0.0.1 2 4 7 7 1 8 3 0 6 0 0 1 - 21777 - 0 0 - - 0
3 web 11 drained 2001:db8::9 2 8 7 7 1 8 3 0 7 0 0 1 - 90 - 0 0 - - 0
4 two 5 x:1 127.0.0.1 2 0 5 1 16 1 0 2 0 0 0 1 - 9 - 0 0 - - 0
4 two 6 named - 2 0 5 1 16 1 0 2 0 0 0 1 localhost 9 - 0 0 - - 0
`;

/** Lines of HAProxy 3.4.0's. */
const HELP = `[6]: The following commands are valid at this level:
  add backend <backend>                   : add a new backend
  add server <bk>/<srv>                   : create a new server
  set server <bk>/<srv> [opts]            : change a server's state, weight, address or ssl
  show servers state [<backend>]          : dump volatile server information (all or for a single backend)
  wait {-h|<delay_ms>} cond [args...]     : wait the specified delay or condition (-h to see list)
  help [<command>]                        : list matching or all commands
  prompt [help | n | i | p | timed ]*     : toggle interactive mode with prompt

`;

describe('show servers state', () => {
  it('reads servers by backend', () => {
    const backends = parseServersState(STATE);
    expect([...(backends?.keys() ?? [])]).toEqual(['web', 'two']);
    expect(backends?.get('web')?.get('st')).toEqual({
      name: 'st',
      id: 77,
      address: '127.0.0.3',
      port: 81,
      weight: 25,
      admin: 'maint',
      operation: 'stopped',
      check: 'pending',
      checkPort: 0,
      checkAddress: null,
      checking: false,
      agent: null,
    });
    expect(backends?.get('web')?.get('a:1')).toMatchObject({
      admin: 'ready',
      operation: 'stopped',
      check: 'failed',
      checkPort: 0,
      checkAddress: null,
      checking: true,
      agent: null,
    });
    expect(backends?.get('web')?.get('drained')).toMatchObject({ address: '2001:db8::9', admin: 'drain', check: 'passed' });
    expect(backends?.get('two')?.get('x:1')).toMatchObject({
      operation: 'running',
      check: 'none',
      checkPort: 0,
      checkAddress: null,
      checking: false,
      agent: null,
    });
    expect(backends?.get('two')?.get('named')).toMatchObject({ address: '-' });
  });

  it('where the agent is asked, while it is on', () => {
    const agent = (state: number, address: string, port: number) =>
      parseServersState(
        `${STATE.slice(0, STATE.indexOf('3 web'))}3 web 9 s 10.0.0.1 2 0 7 7 1 1 0 0 0 ${state} 0 1 - 80 - 0 0 - ${address} ${port}\n`,
      )
        ?.get('web')
        ?.get('s')?.agent;
    // Agent and configured (16, 2); and on (4).
    expect([agent(18, '-', 7_001), agent(22, '-', 7_000), agent(22, '127.0.0.4', 7_004)]).toEqual([
      null,
      { address: null, port: 7_000 },
      { address: '127.0.0.4', port: 7_004 },
    ]);
  });

  it('a check that is out leaves the result of the one before it', () => {
    const row = (status: number, result: number, state: number): string =>
      `3 web 9 s 127.0.0.1 0 0 7 7 1 ${status} ${result} 0 ${state} 0 0 1 - 21777 - 0 0 - - 0\n`;
    const check = (...columns: [number, number, number]) =>
      parseServersState(STATE.slice(0, STATE.indexOf('3 web')) + row(...columns))
        ?.get('web')
        ?.get('s')?.check;
    // Layer 7: timeout, good; layer 4: good, refused. Then the first check of all: not begun, out.
    expect([check(12, 0, 7), check(15, 0, 7), check(6, 0, 7), check(8, 0, 7)]).toEqual(['failed', 'passed', 'passed', 'failed']);
    expect([check(1, 0, 6), check(1, 0, 7)]).toEqual(['pending', 'pending']);
  });

  it('bit 4 alone is no maintenance: the config began it disabled, and it was made ready', () => {
    expect(parseServersState(STATE)?.get('web')?.get('cmaint')?.admin).toBe('ready');
  });

  it('goes by the names of the header, wherever the columns are', () => {
    const rows = STATE.trimEnd().split('\n').slice(1);
    const swapped = rows.map((row) => `extra ${row.replace('# ', '').split(' ').reverse().join(' ')}`);
    expect(parseServersState(`1\n# ${swapped.join('\n')}\n`)).toEqual(parseServersState(STATE));
  });

  it('null for no such backend; an error for everything else that is not a table', () => {
    expect(parseServersState("[3]: Can't find backend.\n")).toBeNull();
    for (const text of [
      '',
      '[3]: Permission denied\n',
      '[6]: Unknown command\n',
      '2\n# be_name\n',
      STATE.replace('srv_name', 'srv_nom'),
      STATE.slice(0, -60),
    ]) {
      expect(() => parseServersState(text), text.slice(0, 40)).toThrow('cannot read HAProxy');
    }
  });

  it('a backend without servers is not listed', () => {
    expect(parseServersState(`${STATE.split('\n').slice(0, 2).join('\n')}\n`)).toEqual(new Map());
  });
});

describe('sessions', () => {
  it('reads sessions and what is queued from show stat', () => {
    const text = '# pxname,svname,qcur,qmax,scur,smax,type,\nweb,st,1,0,2,0,2,\nweb,a:1,0,0,0,0,2,\nweb,BACKEND,0,0,9,0,1,\n\n';
    expect(parseStatisticSessions(text)).toEqual(
      new Map([
        ['st', 3],
        ['a:1', 0],
      ]),
    );
    expect(() => parseStatisticSessions('[3]: No such proxy.\n')).toThrow('No such proxy');
    expect(() => parseStatisticSessions('# pxname,svname,qcur,scur,type,\nweb,st\n')).toThrow('short row');
    expect(() => parseStatisticSessions('# pxname,svname,qcur,scur,type,\nweb,st,0,x,2,\n')).toThrow('not a number');
  });

  it('reads connections from show servers conn, whatever columns there are beside', () => {
    const text = `# bkname/svname bkid/svid addr port - purge_delay used_cur used_max need_est unsafe_nb safe_nb idle_lim idle_cur idle_per_thr[2]
web/st 3/77 127.0.0.1 9 - 5000 4 0 0 0 0 -1 0 0 0
web/a:1 3/9 127.0.0.1 21777 - 1000 0 1 1 0 0 -1 3 2 1
`;
    const used = new Map([
      ['st', 4],
      ['a:1', 0],
    ]);
    expect(parseServerConnections(text)).toEqual({ number: 3, used });
    expect(parseServerConnections(`${text.split('\n')[0]}\n`)).toEqual({ number: null, used: new Map() });
    expect(parseServerConnections("[3]: Can't find backend.\n")).toBeNull();
  });
});

it('what checks found, from show stat, whatever the services said', () => {
  const text = `# pxname,svname,type,check_status,check_code,last_chk,check_desc,
web,a,2,L7STS,404,Not Found,Layer7 wrong status,
web,b,2,* L4CON,,Connection refused,Layer4 connection problem,
web,c,2,L7TOUT,,,Layer7 timeout,
web,d,2,L7STS,503,"No, ""such"" thing",Layer7 wrong status,
web,e,2,,,,,
web,BACKEND,1,,,,,
`;
  expect(parseCheckResults(text)).toEqual(
    new Map([
      ['a', 'L7STS 404: Not Found'],
      ['b', 'L4CON: Connection refused'],
      ['c', 'L7TOUT: Layer7 timeout'],
      ['d', 'L7STS 503: No, "such" thing'],
    ]),
  );
  expect(() => parseCheckResults('[3]: No such proxy.\n')).toThrow('No such proxy');
});

describe('the process', () => {
  it('reads show info', () => {
    const text = 'Name: HAProxy\nVersion: 2.6.12-1+deb12u4\nPid: 9712\nStopping: 0\nStart_time_sec: 1795420453\nUnstoppable Jobs: 1\n';
    expect(parseInfo(text)).toEqual({ version: '2.6.12-1+deb12u4', pid: 9712, startTime: 1795420453, stopping: false });
    expect(parseInfo(text.replace('Stopping: 0', 'Stopping: 1')).stopping).toBe(true);
    expect(() => parseInfo('Name: HAProxy\n')).toThrow('no Version');
  });

  it('reads show env', () => {
    const text =
      'PATH=/bin\nPOINTSMAN_STAMP=s=1\nPOINTSMAN_SERVICE_web=abc\nPOINTSMAN_SERVICE_a.b-c=abd.f1\nPOINTSMAN_SERVICE_c=abe.f2.my.prefix-1\nPOINTSMAN_SERVICE_d=..my.prefix-1\nnot a variable\n';
    expect(parseEnvironment(text)).toEqual({
      stamp: 's=1',
      structures: new Map([
        ['web', { structure: 'abc', form: null, owner: null }],
        ['a.b-c', { structure: 'abd', form: 'f1', owner: null }],
        ['c', { structure: 'abe', form: 'f2', owner: 'my.prefix-1' }],
        ['d', { structure: null, form: null, owner: 'my.prefix-1' }],
      ]),
    });
    expect(parseEnvironment('PATH=/bin\n').stamp).toBeNull();
    expect(() => parseEnvironment('[3]: Permission denied\n')).toThrow('Permission denied');
    expect(parseVariable('POINTSMAN_STAMP=s1\n')).toBe('s1');
    expect(parseVariable('[3]: Variable not found\n')).toBeNull();
    expect(() => parseVariable('[3]: Permission denied\n')).toThrow('Permission denied');
    expect(() => parseVariable('')).toThrow('cannot read');
  });

  it('reads show backend', () => {
    expect(parseBackends('# name\nweb\ntwo\n')).toEqual(['web', 'two']);
    expect(() => parseBackends('[3]: Permission denied\n')).toThrow('cannot read');
  });

  it.each([
    ['2.6.12-1+deb12u4', false, false],
    ['3.0.1', true, false],
    ['3.1-dev3-abc', true, true],
    ['3.4.0', true, true],
    ['10.0', true, true],
  ])('version %s', (version, waitRemovable, initState) => {
    expect(capabilitiesOf(version)).toMatchObject({ version, waitRemovable, initState });
  });

  it('what the process says of itself counts more than its version', () => {
    const commands = parseCommands(HELP);
    expect([...commands]).toEqual(['add backend', 'add server', 'set server', 'show servers state', 'wait', 'help', 'prompt']);
    const serverWords = parseServerWords('List of keywords supported for dynamic server:\nbackup\ninit-state\n\n');
    expect(serverWords).toEqual(new Set(['backup', 'init-state']));
    const older = { waitRemovable: true, initState: true, dynamicBackends: true, addressLater: false };
    expect(capabilitiesOf('2.6.12', { commands, serverWords })).toMatchObject(older);
    const bare = { commands: new Set(['help']), serverWords: new Set(['backup']) };
    const later = { waitRemovable: false, initState: false, dynamicBackends: false, addressLater: true };
    expect(capabilitiesOf('3.4.0', bare)).toMatchObject(later);
  });

  it('before 3.2 the version says which words a server may have', () => {
    const serverWords = parseServerWords("[3]: Require 'backend/server'.\n");
    expect(serverWords).toBeNull();
    expect(capabilitiesOf('3.1.5', { commands: parseCommands(HELP), serverWords })).toMatchObject({ initState: true });
    expect(capabilitiesOf('3.0.5', { commands: parseCommands(HELP), serverWords })).toMatchObject({ initState: false });
  });

  it('no list of commands or of words', () => {
    expect(() => parseCommands('[3]: Permission denied\n')).toThrow('cannot read');
    expect(() => parseServerWords('')).toThrow('cannot read');
  });

  it('no version', () => {
    expect(() => capabilitiesOf('nginx/1.2')).toThrow('not a HAProxy version');
  });
});

describe('PromptFrames', () => {
  it('gives the same replies wherever the chunks are cut', () => {
    const reply = fc
      .array(fc.constantFrom('', 'Server deleted.', 'æøå', '> ', ' > x', '1'), { maxLength: 4 })
      .map((lines) => lines.join('\n'));
    // A reply never has LF and "> " in itself: no line of HAProxy's begins so.
    const replies = fc.array(
      reply.filter((text) => !/(^|\n)> /.test(text)),
      { maxLength: 8 },
    );
    fc.assert(
      fc.property(replies, fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1 }), (expected, sizes) => {
        const bytes = Buffer.from(expected.map((text) => `${text}\n> `).join(''));
        const frames = new PromptFrames();
        const got: string[] = [];
        for (let at = 0, turn = 0; at < bytes.length; turn += 1) {
          const size = sizes[turn % sizes.length] as number;
          got.push(...frames.push(bytes.subarray(at, at + size)));
          at += size;
        }
        expect(got).toEqual(expected);
        expect(frames.pendingBytes).toBe(0);
      }),
    );
  });

  it('looks at every byte once: 16 MB in small chunks', () => {
    const frames = new PromptFrames();
    const chunk = Buffer.from('x'.repeat(1_023).concat('\n'));
    const started = performance.now();
    for (let sent = 0; sent < 16 * 1_024; sent += 1) expect(frames.push(chunk).length).toBe(0);
    expect(frames.push(Buffer.from('> '))[0]).toHaveLength(16 * 1_024 * 1_024 - 1);
    expect(performance.now() - started).toBeLessThan(5_000);
  });
});
