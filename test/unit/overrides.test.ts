/** Which differences between desired and observed are somebody else's, by the record of the last look; and that two looks in a row agree. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Looked, OVERRIDES_MAX, type Override, overrideText } from '../../shared/model/by-hand.ts';
import type { DesiredServer } from '../../shared/model/desired.ts';
import type { ObservedServer } from '../../shared/model/observed.ts';
import type { ServerOptions } from '../../shared/model/server-options.ts';
import type { BackendPlan } from '../../shared/plan/backend-plan.ts';
import { isEmpty } from '../../shared/plan/backend-plan.ts';
import { foreignCommands, withoutForeign } from '../../shared/plan/foreign-servers.ts';
import { openServers, overridesOf, recorded, withOverrides } from '../../shared/plan/overrides.ts';
import { planBackend } from '../../shared/plan/plan-backend.ts';
import { desiredBackend, desiredServer, HAPROXY_2_6, observedBackend, observedServer, serviceConfig } from '../support/samples.ts';

const WORKER = '7@1';
const REDIS = 'run';
const A = '10.0.0.1:80';

function record(changes: Partial<Looked> = {}): Looked {
  return { worker: WORKER, redis: REDIS, revision: 1, maxConn: null, open: [], overrides: [], ...changes };
}

interface Case {
  readonly desired?: readonly DesiredServer[];
  readonly observed: readonly ObservedServer[];
  readonly looked?: Looked | null;
  readonly worker?: string;
  readonly news?: readonly string[];
  readonly filed?: readonly string[];
  /** `limit` null: registrations ask for it. `seen` null: HAProxy was not asked. */
  readonly maxConn?: { readonly limit: number | null; readonly seen: number | null };
}

function found(of: Case): Override[] {
  const { maxConn } = of;
  const server: ServerOptions = { maxConn: maxConn?.limit ?? null, ...(maxConn?.limit === null ? { options: ['maxconn'] } : {}) };
  return [
    ...overridesOf({
      desired: desiredBackend(of.desired ?? [desiredServer(1)], serviceConfig({ server }), { gone: new Set() }),
      observed: observedBackend(of.observed),
      ...(maxConn === undefined || maxConn.seen === null ? {} : { maxConns: new Map([[A, maxConn.seen]]) }),
      looked: of.looked === undefined ? record() : of.looked,
      worker: of.worker ?? WORKER,
      redis: REDIS,
      isNews: (server) => (of.news ?? []).includes(server),
      filed: new Set(of.filed ?? []),
      now: 100,
    }),
  ];
}

const texts = (of: Case): string[] => found(of).map((one) => `${one.server} ${overrideText(one)}`);
const maint = observedServer(1, { admin: 'maint', operation: 'stopped', checking: false });
const drained: Override = { server: A, since: 50, admin: 'drain' };

describe('a difference', () => {
  it.each<[what: string, of: Case, wanted: string[]]>([
    ['on a server that was as it should be is somebody else', { observed: [maint] }, [`${A} maint`]],
    ['that news explains is ours', { observed: [maint], news: [A] }, []],
    ['on a server that was under way is ours, as after a crash', { observed: [maint], looked: record({ open: [A] }) }, []],
    ['is ours where too much was under way to name it', { observed: [maint], looked: record({ open: null }) }, []],
    ['on another worker is what its files say', { observed: [maint], worker: '8@2' }, []],
    [
      'in a record that Redis may have lost more than is ours, but for what the file says',
      { observed: [maint], looked: record({ redis: 'other' }) },
      [],
    ],
    [
      'in such a record is somebody else where the file says that it was ready',
      { observed: [maint], looked: record({ redis: 'other' }), filed: [A] },
      [`${A} maint`],
    ],
    ['without a record, too', { observed: [maint], looked: null, filed: [A] }, [`${A} maint`]],
    [
      'without a record and in drain and down, is a recipe of ours',
      { observed: [observedServer(1, { admin: 'drain', operation: 'stopped' })], looked: null, filed: [A] },
      [],
    ],
    [
      'without a record may be of an instance that is not heard of yet',
      { desired: [], observed: [maint], looked: null, filed: [A] },
      [`${A} maint`],
    ],
    ['of a server that leaves is of no account', { desired: [desiredServer(1, { admin: 'drain' })], observed: [maint] }, []],
    [
      'of one that we keep out is ours when it is in drain',
      { desired: [desiredServer(1, { admin: 'out' })], observed: [observedServer(1, { admin: 'drain' })] },
      [],
    ],
    [
      'of one that we keep out is his when it is in maint',
      { desired: [desiredServer(1, { admin: 'out' })], observed: [maint] },
      [`${A} maint`],
    ],
    [
      'of maxconn, where the registration asks for another',
      { desired: [desiredServer(1, { maxConn: 5 })], observed: [observedServer(1)], maxConn: { limit: null, seen: 4 } },
      [`${A} maxconn 4`],
    ],
    [
      'of maxconn, which is ours where another is asked for now',
      { desired: [desiredServer(1, { maxConn: 5 })], observed: [observedServer(1)], news: [A], maxConn: { limit: null, seen: 4 } },
      [],
    ],
    [
      'of maxconn, as it was where HAProxy was not asked',
      {
        desired: [desiredServer(1, { maxConn: 5 })],
        observed: [observedServer(1)],
        looked: record({ overrides: [{ server: A, since: 50, maxConn: 4 }] }),
        maxConn: { limit: null, seen: null },
      },
      [`${A} maxconn 4`],
    ],
    [
      'of maxconn, over where nobody may say it any more and HAProxy was not asked',
      { observed: [observedServer(1)], looked: record({ overrides: [{ server: A, since: 50, maxConn: 4 }] }) },
      [],
    ],
    ['of maxconn', { observed: [observedServer(1)], looked: record({ maxConn: 9 }), maxConn: { limit: 9, seen: 4 } }, [`${A} maxconn 4`]],
    [
      'of maxconn after the config changed is ours',
      { observed: [observedServer(1)], looked: record({ maxConn: 5 }), maxConn: { limit: 9, seen: 4 } },
      [],
    ],
    [
      'of everything at once',
      { observed: [observedServer(1, { admin: 'drain', weight: 0, address: '10.9.9.9' })] },
      [`${A} drain, weight 0, address 10.9.9.9 port 80`],
    ],
    ['that is its absence', { observed: [] }, [`${A} deleted`]],
    ['that is a server more', { observed: [observedServer(1), observedServer(2)] }, ['10.0.0.2:80 foreign server']],
    [
      'that is a server that was there before, is of nobody',
      { observed: [observedServer(1), observedServer(2)], looked: record({ open: ['10.0.0.2:80'] }) },
      [],
    ],
    [
      'that is a server with an id of ours, is not respected',
      { desired: [desiredServer(1), desiredServer(3, { id: 2 })], observed: [observedServer(1), observedServer(2)], news: ['10.0.0.3:80'] },
      [],
    ],
  ])('%s', (_what, of, wanted) => {
    expect(texts(of)).toEqual(wanted);
  });

  it('that is known stays his, whatever else is desired meanwhile, since the same time', () => {
    const looked = record({ overrides: [drained], open: [A] });
    const seen = observedServer(1, { admin: 'drain' });
    expect(found({ observed: [seen], looked, news: [A] })).toEqual([drained]);
    expect(found({ desired: [desiredServer(1, { admin: 'out' })], observed: [seen], looked, news: [A] })).toEqual([drained]);
    expect(found({ observed: [maint], looked })).toEqual([{ server: A, since: 100, admin: 'maint' }]);
    expect(found({ observed: [], looked, worker: '8@2' })).toEqual([drained]);
  });

  it('ends when it is as desired, or its instance is gone', () => {
    const looked = record({ overrides: [drained] });
    expect(found({ observed: [observedServer(1)], looked })).toEqual([]);
    expect(found({ desired: [], observed: [], looked })).toEqual([]);
  });
});

describe('a server that somebody added', () => {
  const B = '10.0.0.2:80';
  const known = (admin?: 'drain' | 'maint'): Override[] => [{ server: B, since: 50, foreign: true, ...(admin && { admin }) }];
  const seen = (admin: 'ready' | 'drain' | 'maint') => [observedServer(1), observedServer(2, { admin })];

  it.each<[what: string, of: Case, wanted: string]>([
    ['is as it is seen', { observed: seen('drain') }, 'foreign server, drain'],
    ['is as he sets it then', { observed: seen('ready'), looked: record({ overrides: known('maint') }) }, 'foreign server'],
    [
      'is on another worker as it was known',
      { observed: seen('maint'), looked: record({ overrides: known('drain') }), worker: '8@2' },
      'foreign server, drain',
    ],
    ['is so until it is set again', { observed: seen('maint'), looked: record({ overrides: known(), open: [B] }) }, 'foreign server'],
  ])('%s', (_what, of, wanted) => {
    expect(texts(of)).toEqual([`${B} ${wanted}`]);
  });

  it('is his since the same time', () => {
    expect(found({ observed: seen('maint'), looked: record({ overrides: known() }) })).toMatchObject([{ since: 50, admin: 'maint' }]);
  });

  it.each<['http' | 'none', Override[], 'ready' | 'maint', string[]]>([
    ['http', known(), 'maint', ['admit']],
    ['http', known('drain'), 'maint', ['drain']],
    ['http', known('maint'), 'ready', ['maint']],
    ['http', known(), 'ready', []],
    ['none', known(), 'maint', []],
    ['none', known('drain'), 'maint', ['drain']],
  ])('with a check %s is brought from where a file has it to where he had it', (check, overrides, admin, wanted) => {
    const checked = check === 'none' ? { type: check } : serviceConfig({}).check;
    const config = serviceConfig({ check: checked });
    const commands = foreignCommands(desiredBackend([], config), observedBackend(seen(admin)), overrides);
    expect(commands.map(({ command }) => command.kind)).toEqual(wanted);
  });
});

describe('many', () => {
  const ids = Array.from({ length: 2_000 }, (_, index) => index + 1);

  it('under way are all named, but for those that leave and are not there', () => {
    const desired = desiredBackend(ids.map((id) => desiredServer(id, { admin: id % 2 === 0 ? 'drain' : 'ready' })));
    const nothing: BackendPlan = { backend: 'web', commands: [], waiting: [], reload: null, blocked: null };
    expect(openServers(desired, observedBackend([]), nothing, undefined)).toHaveLength(1_000);
  });

  it('set by hand are all his; the oldest are kept', () => {
    const all = ids.map((id): Override => ({ server: `s${id}`, since: 2_000 - id, admin: 'maint' }));
    const kept = recorded(all);
    expect(kept).toHaveLength(OVERRIDES_MAX);
    expect(kept.every(({ since }) => since < OVERRIDES_MAX)).toBe(true);
    const desired = ids.map((id) => desiredServer(id));
    const observed = ids.map((id) => observedServer(id, { admin: 'maint', operation: 'stopped' }));
    expect(found({ desired, observed })).toHaveLength(2_000);
  });

  it('set by hand are on another worker those that are kept, and those that its file has as his', () => {
    const of = { observed: [maint], worker: '8@2', looked: record({ overrides: [{ ...drained, server: 'other' }] }) };
    expect(texts(of)).toEqual([]);
    expect(texts({ ...of, filed: [A] })).toEqual([`${A} maint`]);
  });
});

it('on another worker what was known is set again', () => {
  const overrides: Override[] = [{ server: A, since: 5, admin: 'drain', weight: 3, maxConn: 4 }];
  const config = serviceConfig({ server: { maxConn: 9 } });
  const commands = planBackend({
    ...base(),
    desired: withOverrides(desiredBackend([desiredServer(1)], config), overrides),
    observed: observedBackend([observedServer(1)]),
    maxConns: new Map([[A, 9]]),
  }).commands.map(({ command }) => command.kind);
  expect(commands).toEqual(['drain']);
});

const someServer = fc.record({ admin: fc.constantFrom('ready', 'drain', 'maint'), weight: fc.constantFrom(1, 2, 3), there: fc.boolean() });
const someDesired = fc.record({ admin: fc.constantFrom('ready', 'ready', 'drain', 'out', 'absent'), weight: fc.constantFrom(1, 2, 3) });

/** What a pass does with what it finds, as far as the record goes. */
function look(desiredNow: readonly DesiredServer[], seen: readonly ObservedServer[], looked: Looked | null, news: ReadonlySet<string>) {
  const desired = desiredBackend(desiredNow);
  const observed = observedBackend(seen);
  const overrides = overridesOf({
    desired,
    observed,
    looked,
    worker: WORKER,
    redis: REDIS,
    isNews: (server) => news.has(server),
    filed: new Set(),
    now: 1,
  });
  const [wanted, ours] = [withOverrides(desired, overrides), withoutForeign(observed, overrides)];
  const plan: BackendPlan = planBackend({ ...base(), desired: wanted, observed: ours });
  return { plan, looked: record({ open: openServers(wanted, ours, plan, undefined), overrides }) };
}

function base() {
  return { backend: 'web', structure: 's1', sessions: new Map(), capabilities: HAPROXY_2_6, runtimeOnly: false } as const;
}

describe('whatever is desired and set', () => {
  const ids = [1, 2, 3];
  const scenario = fc.record({
    desired: fc.tuple(someDesired, someDesired, someDesired),
    seen: fc.tuple(someServer, someServer, someServer),
    hand: fc.array(fc.record({ id: fc.constantFrom(...ids), set: someServer }), { maxLength: 3 }),
  });
  const desiredOf = (drawn: readonly { admin: string; weight: number }[]): DesiredServer[] =>
    drawn.flatMap(({ admin, weight }, index) =>
      admin === 'absent' ? [] : [desiredServer(index + 1, { admin: admin as DesiredServer['admin'], weight })],
    );
  const seenOf = (drawn: readonly { admin: string; weight: number; there: boolean }[]): ObservedServer[] =>
    drawn.flatMap(({ admin, weight, there }, index) =>
      there ? [observedServer(index + 1, { admin: admin as ObservedServer['admin'], weight })] : [],
    );

  it('nothing is somebody else before somebody did something', () => {
    fc.assert(
      fc.property(scenario, ({ desired, seen }) => {
        const first = look(desiredOf(desired), seenOf(seen), null, new Set());
        expect(first.looked.overrides).toEqual([]);
        expect(look(desiredOf(desired), seenOf(seen), first.looked, new Set()).looked.overrides).toEqual([]);
      }),
      { numRuns: 1_000 },
    );
  });

  it('what is set once all is as it should be is left so, and the plan of it is empty', () => {
    fc.assert(
      fc.property(scenario, ({ desired, hand }) => {
        const wanted = desiredOf(desired).filter(({ admin }) => admin === 'ready');
        const settled = wanted.map(({ id, weight }) => observedServer(id, { weight }));
        const first = look(wanted, settled, null, new Set());
        expect(isEmpty(first.plan)).toBe(true);
        const servers = new Map(settled.map((server) => [server.id, server]));
        for (const { id, set } of hand) {
          const before = servers.get(id);
          if (!set.there) servers.delete(id);
          else if (before !== undefined) servers.set(id, { ...before, admin: set.admin as ObservedServer['admin'], weight: set.weight });
        }
        const second = look(wanted, [...servers.values()], first.looked, new Set());
        expect(second.plan).toMatchObject({ commands: [], waiting: [], reload: null });
        expect(look(wanted, settled, second.looked, new Set()).looked.overrides).toEqual([]);
      }),
      { numRuns: 1_000 },
    );
  });
});
