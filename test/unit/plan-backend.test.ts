/** The plan of one backend, case by case. */
import { describe, expect, it } from 'vitest';
import type { ObservedServer } from '../../shared/model/observed.ts';
import type { AgentCheck } from '../../shared/model/server-options.ts';
import { isEmpty } from '../../shared/plan/backend-plan.ts';
import { leavingServers } from '../../shared/plan/fit.ts';
import { foldSessions } from '../../shared/plan/sessions.ts';
import { commands, plan } from '../support/plans.ts';
import { desiredBackend, desiredServer, HAPROXY_3_4, observedBackend, observedServer, serviceConfig } from '../support/samples.ts';

const QUIET = { current: 0, quietMs: 100 };
const A = '10.0.0.1:80';

describe('servers that should serve', () => {
  it('adds the missing one with all that its line says', () => {
    const made = plan({ desired: desiredBackend([desiredServer(1, { weight: 7 })]) });
    expect(made.commands).toEqual([
      {
        command: {
          kind: 'add',
          backend: 'web',
          server: A,
          id: 1,
          address: '10.0.0.1',
          port: 80,
          weight: 7,
          config: { check: serviceConfig().check, server: { maxConn: null } },
        },
        reason: 'it is not there',
      },
    ]);
    expect(made.reload).toBeNull();
  });

  it.each<[string, Partial<ObservedServer>, string[]]>([
    ['as desired', {}, []],
    ['down, but checked', { operation: 'stopped', check: 'failed' }, []],
    ['just admitted, not checked yet', { operation: 'stopped', check: 'pending' }, []],
    ['in maint', { admin: 'maint', operation: 'stopped', checking: false }, [`admit ${A}`]],
    ['in drain and up', { admin: 'drain' }, [`ready ${A}`]],
    ['in drain and down', { admin: 'drain', operation: 'stopped', check: 'failed' }, [`ready ${A}`]],
    ['half made: added', { admin: 'maint', operation: 'stopped', check: 'pending', checking: false }, [`admit ${A}`]],
    ['half made: added, check on', { admin: 'maint', operation: 'stopped', check: 'pending' }, [`admit ${A}`]],
    ['half made: in drain, not checked yet', { admin: 'drain', check: 'pending' }, [`admit ${A}`]],
    ['half made: in drain, set down', { admin: 'drain', operation: 'stopped', check: 'pending' }, [`ready ${A}`]],
    ['in drain, its last check failed but not yet down', { admin: 'drain', check: 'failed' }, [`admit ${A}`]],
    ['in drain, check off', { admin: 'drain', checking: false }, [`admit ${A}`]],
    ['down, check off', { operation: 'stopped', checking: false }, [`enable-health ${A}`]],
    ['another weight', { weight: 3 }, [`weight ${A}`]],
    ['another port', { port: 81 }, [`address ${A}`]],
    [
      'in maint, elsewhere, another weight',
      { admin: 'maint', address: '10.9.9.9', weight: 3 },
      [`address ${A}`, `weight ${A}`, `admit ${A}`],
    ],
  ])('%s', (_, seen, expected) => {
    expect(commands({ desired: desiredBackend([desiredServer(1)]), observed: observedBackend([observedServer(1, seen)]) })).toEqual(
      expected,
    );
  });

  it.each<[string, Partial<ObservedServer>, string[]]>([
    ['up', {}, []],
    ['in maint', { admin: 'maint', operation: 'stopped' }, [`admit ${A}`]],
    ['in drain', { admin: 'drain' }, [`ready ${A}`]],
    ['set down by hand: nothing else would bring it up', { operation: 'stopped' }, [`admit ${A}`]],
  ])('without a check, %s', (_, seen, expected) => {
    const observed = observedBackend([observedServer(1, { check: 'none', checking: false, ...seen })]);
    const desired = desiredBackend([desiredServer(1)], serviceConfig({ check: { type: 'none' } }));
    expect(commands({ desired, observed })).toEqual(expected);
  });

  it('from 3.0 on one that moved is let in where it was seen to be, because HAProxy answers before the address holds', () => {
    const desired = desiredBackend([desiredServer(1)]);
    const moved = observedServer(1, { admin: 'maint', address: '10.9.9.9', operation: 'stopped', checking: false });
    const input = { desired, observed: observedBackend([moved]), capabilities: HAPROXY_3_4 };
    expect(commands(input)).toEqual([`address ${A}`]);
    expect(plan(input).waiting).toEqual([{ server: A, reason: 'it is not seen at its address yet' }]);
    expect(commands({ ...input, observed: observedBackend([{ ...moved, address: '10.0.0.1' }]) })).toEqual([`admit ${A}`]);
  });

  it('does not patch an IPv6 address that HAProxy spells otherwise', () => {
    const desired = desiredBackend([desiredServer(1, { address: '2001:db8::1' })]);
    const observed = observedBackend([observedServer(1, { address: '2001:0db8:0:0::1' })]);
    expect(isEmpty(plan({ desired, observed }))).toBe(true);
  });
});

describe('what a command changes', () => {
  const config = serviceConfig({
    server: { maxConn: 50 },
    check: { type: 'tcp', interval: 2_000, rise: 2, fall: 3, port: 81, address: '10.9.9.9' },
  });
  const desired = desiredBackend([desiredServer(1)], config);

  it('maxconn, where HAProxy was asked and has another', () => {
    const seen = observedBackend([observedServer(1, { checkPort: 81, checkAddress: '10.9.9.9' })]);
    expect(plan({ desired, observed: seen, maxConns: new Map([[A, 40]]) }).commands).toEqual([
      { command: { kind: 'max-conn', backend: 'web', server: A, maxConn: 50 }, reason: 'its maxconn is 40' },
    ]);
    expect(commands({ desired, observed: seen, maxConns: new Map([[A, 50]]) })).toEqual([]);
    const asks = { ...desired, servers: new Map([[A, desiredServer(1, { maxConn: 20 })]]) };
    expect(plan({ desired: asks, observed: seen, maxConns: new Map([[A, 50]]) }).commands.map(({ command }) => command)).toEqual([
      { kind: 'max-conn', backend: 'web', server: A, maxConn: 20 },
    ]);
    const free = desiredBackend([desiredServer(1)]);
    expect(plan({ desired: free, observed: seen, maxConns: new Map([[A, 50]]) }).commands.map(({ command }) => command)).toEqual([
      { kind: 'max-conn', backend: 'web', server: A, maxConn: 0 },
    ]);
    expect(commands({ desired: free, observed: seen })).toEqual([]);
    expect(commands({ desired, observed: seen })).toEqual([]);
  });

  it('where its checks go, while they are on', () => {
    const elsewhere = observedServer(1, { checkPort: 80, checkAddress: '10.9.9.9' });
    expect(plan({ desired, observed: observedBackend([elsewhere]) }).commands.map(({ command }) => command)).toEqual([
      { kind: 'check-target', backend: 'web', server: A, address: null, port: 81 },
    ]);
    const other = observedServer(1, { checkPort: 81, checkAddress: '10.9.9.8' });
    expect(plan({ desired, observed: observedBackend([other]) }).commands.map(({ command }) => command)).toEqual([
      { kind: 'check-target', backend: 'web', server: A, address: '10.9.9.9', port: null },
    ]);
    expect(commands({ desired, observed: observedBackend([{ ...elsewhere, checking: false }]) })).toEqual([`enable-health ${A}`]);
  });
});

describe('where an agent is asked', () => {
  const agent = { port: 9_000, interval: 2_000 };
  const asked = (wanted: AgentCheck, seen: ObservedServer['agent']) => {
    const desired = desiredBackend(
      [desiredServer(1)],
      serviceConfig({ check: { type: 'none' }, server: { maxConn: null, agent: wanted } }),
    );
    const observed = observedBackend([observedServer(1, { check: 'none', checking: false, agent: seen })]);
    return plan({ desired, observed }).commands;
  };

  it('is changed in place, by what differs', () => {
    expect(asked(agent, { address: null, port: 9_000 })).toEqual([]);
    expect(asked(agent, { address: null, port: 9_001 })).toEqual([
      {
        command: { kind: 'agent-target', backend: 'web', server: A, address: null, port: 9_000 },
        reason: 'its agent is asked at its own address port 9001',
      },
    ]);
    expect(asked({ ...agent, address: '10.9.9.9' }, { address: '10.9.9.8', port: 9_000 }).map(({ command }) => command)).toEqual([
      { kind: 'agent-target', backend: 'web', server: A, address: '10.9.9.9', port: null },
    ]);
    expect(asked({ ...agent, address: '2001:db8::1' }, { address: '2001:0db8:0:0::1', port: 9_000 })).toEqual([]);
  });

  it('is left while it is off, since HAProxy would refuse', () => {
    expect(asked(agent, null)).toEqual([]);
  });
});

describe('servers that leave', () => {
  const leaving = desiredBackend([desiredServer(1, { admin: 'drain' })]);

  it.each<[string, Partial<ObservedServer>, { current: number; quietMs: number } | null, string[], number]>([
    ['ready: drain', {}, QUIET, [`drain ${A}`], 0],
    ['drain with sessions: wait', { admin: 'drain' }, { current: 2, quietMs: 0 }, [], 1],
    ['drain, the last session has just ended: wait', { admin: 'drain' }, { current: 0, quietMs: 99 }, [], 1],
    ['drain, sessions not counted: wait', { admin: 'drain' }, null, [], 1],
    ['drain without sessions: delete', { admin: 'drain' }, QUIET, [`maint ${A}`, `delete ${A}`], 0],
    ['maint without sessions: delete', { admin: 'maint' }, QUIET, [`delete ${A}`], 0],
  ])('desired drain; %s', (_, seen, sessions, expected, waiting) => {
    const input = {
      desired: leaving,
      observed: observedBackend([observedServer(1, seen)]),
      sessions: new Map(sessions === null ? [] : [[A, sessions]]),
    };
    expect(commands(input)).toEqual(expected);
    expect(plan(input).waiting).toHaveLength(waiting);
  });

  it('adds nothing only to drain it', () => {
    expect(isEmpty(plan({ desired: leaving }))).toBe(true);
  });

  const SEEN_DOWN = { operation: 'stopped', check: 'failed' } as const;

  it.each<[string, Partial<ObservedServer>, { current: number; quietMs: number; countedMs?: number } | null, string[], number]>([
    ['it serves, its drain was never sent: drain', {}, null, [`drain ${A}`], 1],
    ['drain with sessions: wait', { admin: 'drain' }, { current: 2, quietMs: 0, countedMs: 29_999 }, [], 1],
    [
      'drain with sessions, for as long as any drain',
      { admin: 'drain' },
      { current: 2, quietMs: 0, countedMs: 30_000 },
      [`maint ${A}`, `shutdown-sessions ${A}`],
      1,
    ],
    ['seen down and busy', SEEN_DOWN, { current: 2, quietMs: 0 }, [`maint ${A}`, `shutdown-sessions ${A}`], 1],
    ['seen down and idle: a request may be on its way', SEEN_DOWN, QUIET, [`maint ${A}`], 1],
    ['seen down, sessions not counted', SEEN_DOWN, null, [`maint ${A}`, `shutdown-sessions ${A}`], 1],
    ['maint and busy', { admin: 'maint' }, { current: 1, quietMs: 0 }, [`shutdown-sessions ${A}`], 1],
    ['maint and quiet', { admin: 'maint' }, QUIET, [`delete ${A}`], 0],
    ['drain and quiet', { admin: 'drain' }, QUIET, [`maint ${A}`, `delete ${A}`], 0],
  ])('gone; %s', (_, seen, sessions, expected, waiting) => {
    const input = { observed: observedBackend([observedServer(1, seen)]), sessions: new Map(sessions === null ? [] : [[A, sessions]]) };
    expect(commands(input)).toEqual(expected);
    expect(plan(input).waiting).toHaveLength(waiting);
  });

  it('asks for the sessions of exactly those, but not of one that is to be put in drain first', () => {
    const drain = { admin: 'drain' } as const;
    const desired = desiredBackend([desiredServer(1), desiredServer(2, drain), desiredServer(4), desiredServer(5, drain)]);
    const observed = observedBackend([
      observedServer(1),
      observedServer(2, drain),
      observedServer(3),
      observedServer(4, { id: 44 }),
      observedServer(5),
      observedServer(6, SEEN_DOWN),
    ]);
    expect(leavingServers(desired, observed)).toEqual(['10.0.0.2:80', '10.0.0.6:80']);
    const drained = observedBackend([observedServer(4, { id: 44, admin: 'drain' })]);
    expect(leavingServers(desired, drained), 'to be made anew').toEqual(['10.0.0.4:80']);
  });
});

describe('a server that nobody has heard of', () => {
  const unheard = { gone: new Set<string>() };

  it('stays while the service was not read completely', () => {
    const desired = desiredBackend([desiredServer(2)], serviceConfig(), { ...unheard, complete: false });
    const observed = observedBackend([observedServer(1), observedServer(2)]);
    expect(isEmpty(plan({ desired, observed }))).toBe(true);
  });

  it.each<[string, Partial<ObservedServer>, { current: number; quietMs: number; countedMs: number } | null, string[]]>([
    ['drains', {}, null, [`drain ${A}`]],
    ['waits for its sessions', { admin: 'drain' }, { current: 1, quietMs: 0, countedMs: 29_000 }, []],
    ['is deleted when they have ended', { admin: 'drain' }, { ...QUIET, countedMs: 500 }, [`maint ${A}`, `delete ${A}`]],
    [
      'does not wait longer than a drain',
      { admin: 'drain' },
      { current: 1, quietMs: 0, countedMs: 30_000 },
      [`maint ${A}`, `shutdown-sessions ${A}`],
    ],
    ['is deleted when it takes none', { admin: 'maint' }, { ...QUIET, countedMs: 0 }, [`delete ${A}`]],
  ])('once it was, and another serves, %s', (_, seen, sessions, expected) => {
    const desired = desiredBackend([desiredServer(2)], serviceConfig({ drainTimeout: 30_000 }), unheard);
    const observed = observedBackend([observedServer(1, seen), observedServer(2)]);
    expect(commands({ desired, observed, sessions: new Map(sessions === null ? [] : [[A, sessions]]) })).toEqual(expected);
  });

  it('stays when there are more of its kind than maxLoss allows to go, unless HAProxy sees it down', () => {
    const desired = desiredBackend([desiredServer(5), desiredServer(6)], serviceConfig(), unheard);
    const servers = [1, 2, 3].map((id) => observedServer(id, id === 3 ? { operation: 'stopped', check: 'failed' } : {}));
    const known = [5, 6].map((id) => observedServer(id));
    const most = observedBackend([...servers, ...known]);
    expect(commands({ desired, observed: most }), 'two of four').toEqual([`drain ${A}`, 'drain 10.0.0.2:80', 'drain 10.0.0.3:80']);
    const tooMany = observedBackend([...servers, observedServer(4), ...known]);
    expect(commands({ desired, observed: tooMany }), 'three of five').toEqual(['drain 10.0.0.3:80']);
    expect(plan({ desired, observed: tooMany }).waiting).toContainEqual({
      server: A,
      reason: 'no instance of its name is known, nor of 2 others that serve: more than maxLoss',
    });
    const off = desiredBackend([...desired.servers.values()], serviceConfig({ guard: { maxLoss: 1, window: 1, hold: 1 } }), unheard);
    expect(commands({ desired: off, observed: tooMany })).toHaveLength(4);
  });

  it('stays when no other serves, and says so', () => {
    const desired = desiredBackend([desiredServer(2)], serviceConfig(), unheard);
    const observed = observedBackend([observedServer(1), observedServer(2, { operation: 'stopped', check: 'failed' })]);
    expect(commands({ desired, observed })).toEqual([]);
    expect(plan({ desired, observed }).waiting).toEqual([
      { server: A, reason: 'no instance of its name is known, but no other server serves' },
    ]);
  });
});

describe('order', () => {
  it('what brings capacity first, by name; what takes it last', () => {
    const desired = desiredBackend(
      [5, 4, 3, 2].map((id) => desiredServer(id, id === 3 ? { weight: 9 } : id === 4 ? { admin: 'drain' } : {})),
    );
    const observed = observedBackend([observedServer(1, { operation: 'stopped', check: 'failed' }), observedServer(3), observedServer(4)]);
    const sessions = new Map([[A, { current: 1, quietMs: 0 }]]);
    expect(commands({ desired, observed, sessions })).toEqual([
      'add 10.0.0.2:80',
      'add 10.0.0.5:80',
      'weight 10.0.0.3:80',
      'drain 10.0.0.4:80',
      'maint 10.0.0.1:80',
      'shutdown-sessions 10.0.0.1:80',
    ]);
  });
});

describe('backends', () => {
  const desired = desiredBackend([desiredServer(1)]);

  it('another structure: reload, and patch what can be patched', () => {
    const made = plan({ desired, observed: observedBackend([]), structure: 's2' });
    expect(made.reload).toEqual({ reason: 'the structure differs from what is loaded' });
    expect(made.commands).toHaveLength(1);
  });

  it('missing: reload, or blocked where there is none', () => {
    expect(plan({ desired, observed: null }).reload).toEqual({ reason: 'the backend is not loaded' });
    const made = plan({ desired, observed: null, structure: null, runtimeOnly: true });
    expect(made.reload).toBeNull();
    expect(made.blocked).toContain('runtimeOnly');
  });

  it('never touches one that pointsman did not declare', () => {
    const foreign = observedBackend([observedServer(3)], null);
    expect(plan({ desired, observed: foreign })).toMatchObject({
      commands: [],
      reload: null,
      blocked: expect.stringContaining('did not declare'),
    });
    expect(isEmpty(plan({ desired: null, observed: foreign, structure: null }))).toBe(true);
  });

  it('runtimeOnly: the operator declared it', () => {
    expect(commands({ desired, observed: observedBackend([], null), structure: null, runtimeOnly: true })).toEqual([`add ${A}`]);
  });

  it('not ours any more: its servers stay as they are until the reload', () => {
    const made = plan({ desired: null, observed: observedBackend([observedServer(1)]), structure: null });
    expect(made).toMatchObject({ commands: [], reload: { reason: 'the service is no longer configured' } });
    expect(isEmpty(plan({ desired: null, observed: null, structure: null }))).toBe(true);
  });
});

describe('foldSessions', () => {
  it('counts the time without sessions from the first look that saw none', () => {
    let known = foldSessions(new Map(), new Map([['a', 0]]), 50);
    expect(known.get('a')).toEqual({ current: 0, quietMs: 0, countedMs: 0 });
    known = foldSessions(known, new Map([['a', 0]]), 60);
    known = foldSessions(known, new Map([['a', 0]]), 60);
    expect(known.get('a')).toEqual({ current: 0, quietMs: 120, countedMs: 120 });
    known = foldSessions(known, new Map([['a', 1]]), 60);
    expect(known.get('a')).toEqual({ current: 1, quietMs: 0, countedMs: 180 });
    expect(foldSessions(known, new Map([['b', 0]]), 60).has('a')).toBe(false);
  });
});
