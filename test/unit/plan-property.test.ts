/**
 * Whatever HAProxy has, half-made servers and wrong ids included, planning and applying again and again ends at what is desired, with
 * nothing left to plan; also when each application is cut off after any line. And no line ever lets requests to a server that has a check
 * before that check has passed. HAProxy is a model here; test/integration holds the model's rules against the real one.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encode } from '../../shared/haproxy/encode.ts';
import type { Capabilities } from '../../shared/model/capabilities.ts';
import type { DesiredBackend, DesiredServer } from '../../shared/model/desired.ts';
import { type BackendPlan, isEmpty } from '../../shared/plan/backend-plan.ts';
import { ANY_FORM } from '../../shared/plan/fit.ts';
import { planBackend } from '../../shared/plan/plan-backend.ts';
import { foldSessions, type ServerSessions } from '../../shared/plan/sessions.ts';
import { stoodInFor } from '../../shared/plan/stand-in.ts';
import { HaproxyModel, type ModelServer } from '../support/haproxy-model.ts';
import { desiredBackend, desiredServer, HAPROXY_2_6, HAPROXY_3_4, HTTP_CHECK, serviceConfig } from '../support/samples.ts';

const NAMES = 6;
/** ms between two passes */
const PASS_MS = 150;
/** Passes after which nothing may be left: each of the servers may be replaced in turn, at some passes each. */
const PASSES_MAX = 40;

const desiredServers = fc
  .tuple(
    fc.shuffledSubarray([1, 2, 3, 4, 5, 6], { minLength: NAMES, maxLength: NAMES }),
    fc.array(
      fc.record({
        admin: fc.constantFrom('ready', 'ready', 'drain', 'absent'),
        weight: fc.integer({ min: 0, max: 256 }),
        port: fc.constantFrom(80, 81),
        own: fc.constantFrom<Partial<DesiredServer>>({}, {}, { maxConn: 9 }, { backup: true }, { maxConn: 4, backup: true }),
      }),
      {
        minLength: NAMES,
        maxLength: NAMES,
      },
    ),
  )
  .map(([ids, drawn]) =>
    drawn.flatMap(({ admin, weight, port, own }, index): DesiredServer[] => {
      if (admin === 'absent') return [];
      const name = `10.0.0.${index + 1}:80`;
      return [desiredServer(index + 1, { name, id: ids[index] as number, weight, port, admin: admin as 'ready' | 'drain', ...own })];
    }),
  );

/** Of paths in order, some of them kept without a registration. */
const tieredServers = fc
  .tuple(desiredServers, fc.array(fc.record({ tier: fc.nat(2), held: fc.boolean() }), { minLength: NAMES, maxLength: NAMES }))
  .map(([servers, places]) => servers.map((server, index) => ({ ...server, ...places[index] })));

function modelServers(checked: boolean, fitting: boolean): fc.Arbitrary<ModelServer[]> {
  const server = fc.record({
    present: fc.boolean(),
    admin: fc.constantFrom('ready', 'drain', 'maint'),
    running: fc.boolean(),
    enabled: fc.boolean(),
    check: fc.constantFrom('pending', 'passed', 'failed'),
    configured: fitting ? fc.constant(checked) : fc.boolean(),
    weight: fc.constantFrom(0, 1, 7),
    maxConn: fc.constantFrom(0, 9),
    backup: fc.boolean(),
    port: fc.constantFrom(80, 81),
    sessions: fc.integer({ min: 0, max: 3 }),
    idle: fc.integer({ min: 0, max: 2 }),
  });
  return fc
    .tuple(fc.shuffledSubarray([1, 2, 3, 4, 5, 6, 7, 8], { minLength: 8, maxLength: 8 }), fc.array(server, { minLength: 7, maxLength: 7 }))
    .map(([ids, drawn]) =>
      drawn.flatMap(({ present, ...state }, index): ModelServer[] => {
        if (!present) return [];
        const maint = state.admin === 'maint';
        return [
          {
            ...state,
            admin: state.admin as ModelServer['admin'],
            check: state.check as ModelServer['check'],
            running: state.running && !maint,
            enabled: state.enabled && state.configured,
            paused: maint && state.enabled,
            name: `10.0.0.${index + 1}:80`,
            address: `10.0.0.${index + 1}`,
            id: ids[index] as number,
          },
        ];
      }),
    );
}

const scenario = fc.boolean().chain((checked) =>
  fc.record({
    checked: fc.constant(checked),
    desired: fc.oneof(desiredServers, tieredServers),
    observed: modelServers(checked, false),
    /** After how many lines the first passes are cut off. */
    cuts: fc.array(fc.integer({ min: 0, max: 12 }), { maxLength: 4 }),
    dead: fc.subarray(['10.0.0.1', '10.0.0.2', '10.0.0.3', '10.0.0.4']),
    structure: fc.constantFrom('s1', 's2'),
    runtimeOnly: fc.boolean(),
    limit: fc.constantFrom(null, 50),
  }),
);

interface Run {
  readonly model: HaproxyModel;
  readonly desired: DesiredBackend;
  readonly structure: string;
  readonly runtimeOnly: boolean;
  readonly capabilities: Capabilities;
}

/** Servers that serve, with a weight. */
function taking({ model }: Run): string[] {
  return model.serving().filter((name) => (model.servers.get(name)?.weight ?? 0) > 0);
}

/** Desired servers of those that serve, themselves or by a stand-in, and that are to take requests somewhere. */
function able({ model, desired }: Run): DesiredServer[] {
  const wanted = model.serving().map((name) => desired.servers.get(stoodInFor(name) ?? name));
  return wanted.filter((one) => one !== undefined).filter(({ admin, weight }) => admin === 'ready' && weight > 0);
}

/** What its weight is when the lowest tier that serves takes the requests. */
function weightOf(run: Run, { tier = 0, held, weight }: DesiredServer): number {
  const before = able(run).filter((one) => (one.tier ?? 0) < tier && (held === true || one.held !== true));
  return before.length > 0 ? 0 : weight;
}

function sendLines(run: Run, lines: readonly string[]): void {
  for (const line of lines) {
    const before = new Set(run.model.serving());
    const took = taking(run);
    run.model.run(line);
    if (took.length > 0 && taking(run).length === 0 && able(run).length > 0) throw new Error(`${line} leaves nobody to take requests`);
    for (const name of run.model.serving()) {
      const server = run.model.servers.get(name);
      if (before.has(name) || server === undefined) continue;
      const wanted = run.desired.servers.get(name);
      if (wanted?.admin === 'ready' && wanted.port !== server.port)
        throw new Error(`${line} sends requests to ${name} where it is no longer`);
      if (!server.configured) continue;
      if (server.check !== 'passed') throw new Error(`${line} sends requests to ${name}, which no check has found good`);
    }
    const after = run.model.serving();
    for (const name of before) {
      if (after.includes(name) || run.desired.servers.get(name)?.admin !== 'ready') continue;
      if (after.length === 0) throw new Error(`${line} takes the last server that serves`);
    }
  }
}

/** What loading the files does: they hold the desired servers, and only those. */
function reload({ model, desired, structure }: Run): void {
  const before = new Map(model.servers);
  model.servers.clear();
  model.structure = structure;
  for (const wanted of desired.servers.values()) {
    if (wanted.admin !== 'ready') continue;
    const configured = desired.config.check.type !== 'none';
    const { name, id, address, port, weight, backup = false } = wanted;
    const maxConn = wanted.maxConn ?? desired.config.server.maxConn ?? 0;
    const check = before.get(name)?.check ?? 'pending';
    const fresh = { configured, enabled: configured, paused: false, check, sessions: 0, idle: 0 };
    model.servers.set(name, { name, id, address, port, weight, maxConn, backup, admin: 'ready', running: true, ...fresh });
  }
}

function converge(run: Run, cuts: readonly number[]): { plan: BackendPlan; passes: number } {
  let sessions: ReadonlyMap<string, ServerSessions> = new Map();
  for (let pass = 0; ; pass += 1) {
    sessions = foldSessions(sessions, run.model.sessions(), PASS_MS);
    const plan = planBackend({
      backend: 'web',
      desired: run.desired,
      structure: run.runtimeOnly ? null : run.structure,
      observed: run.model.observed('web'),
      sessions,
      maxConns: run.model.statistics('maxConn'),
      forms: { ...ANY_FORM, backups: run.model.statistics('backup') },
      capabilities: run.capabilities,
      runtimeOnly: run.runtimeOnly,
    });
    if (isEmpty(plan) || pass === PASSES_MAX) return { plan, passes: pass };
    const lines = plan.commands.flatMap(({ command }) => encode(command, run.capabilities));
    const cut = cuts[pass];
    sendLines(run, lines.slice(0, cut));
    if (plan.reload !== null && cut === undefined) reload(run);
    run.model.tick();
  }
}

describe.each([
  ['2.6', HAPROXY_2_6],
  ['3.4', HAPROXY_3_4],
])('plan for HAProxy %s', (version, capabilities) => {
  const later = version !== '2.6';

  it('converges from any state, also when cut off, and then plans nothing', () => {
    fc.assert(
      fc.property(scenario, ({ checked, desired, observed, cuts, dead, structure, runtimeOnly, limit }) => {
        const config = serviceConfig({ check: checked ? HTTP_CHECK : { type: 'none' }, server: { maxConn: limit } });
        const model = new HaproxyModel('s1', (address) => !dead.includes(address), observed, later);
        const run: Run = { model, desired: desiredBackend(desired, config), structure, runtimeOnly, capabilities };
        const { plan } = converge(run, cuts);
        const unmended = new Set(plan.waiting.map(({ server }) => server));
        expect(plan).toMatchObject({ commands: [], reload: null, blocked: null });
        // Of one whose stand-in is never found good the old one stays, and with it its id.
        const kept = plan.waiting.every(({ reason }) => /^(to be made anew|it stands in for) |is still held by/.test(reason));
        expect(plan.waiting.length === 0 || (kept && checked && dead.length > 0) ? [] : plan.waiting).toEqual([]);
        for (const wanted of run.desired.servers.values()) {
          if (unmended.has(wanted.name)) continue;
          const server = model.servers.get(wanted.name);
          if (wanted.admin === 'drain') expect(server).toBeUndefined();
          else
            expect(server).toMatchObject({
              id: wanted.id,
              address: wanted.address,
              port: wanted.port,
              weight: weightOf(run, wanted),
              maxConn: wanted.maxConn ?? config.server.maxConn ?? 0,
              backup: wanted.backup === true,
              admin: 'ready',
            });
          if (server !== undefined) expect(server.running).toBe(!checked || !dead.includes(wanted.address));
        }
        for (const name of model.servers.keys()) expect(run.desired.servers.has(name) || unmended.has(stoodInFor(name) ?? '')).toBe(true);
      }),
      { numRuns: 2_000 },
    );
  });

  it('one perfect application is enough where only live changes are needed', () => {
    const scenarios = fc.boolean().chain((checked) => fc.tuple(fc.constant(checked), desiredServers));
    fc.assert(
      fc.property(scenarios, ([checked, servers]) => {
        const config = serviceConfig({ check: checked ? HTTP_CHECK : { type: 'none' } });
        const model = new HaproxyModel('s1', () => true, [], later);
        const run: Run = { model, desired: desiredBackend(servers, config), structure: 's1', runtimeOnly: false, capabilities };
        expect(converge(run, []).passes).toBeLessThanOrEqual(1);
      }),
    );
  });

  it('is the same whatever the order of its maps', () => {
    fc.assert(
      fc.property(scenario, ({ desired, observed, runtimeOnly }) => {
        const made = [0, 1].map((order) => {
          const arrange = <T>(list: readonly T[]): T[] => (order === 0 ? [...list] : [...list].reverse());
          return planBackend({
            backend: 'web',
            desired: desiredBackend(arrange(desired)),
            structure: 's1',
            observed: new HaproxyModel('s1', () => true, arrange(observed)).observed('web'),
            sessions: new Map(),
            capabilities,
            runtimeOnly,
          });
        });
        expect(made[0]).toEqual(made[1]);
      }),
    );
  });
});
