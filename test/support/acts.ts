/**
 * Random acts of everybody who writes to a service's log: znodes, checks, operators, configs, time; and how their events arrive (disorder.ts). For
 * properties over whole runs.
 */
import fc from 'fast-check';
import type { ServiceEvent, Verdict } from '../../shared/model/event.ts';
import type { Prefer } from '../../shared/model/prefer.ts';
import type { Registration, Znode } from '../../shared/model/registration.ts';
import type { ServiceConfig } from '../../shared/model/service-config.ts';
import { pathsOf, type ServicePath, znodeName } from '../../shared/model/service-path.ts';
import type { Where } from '../../shared/model/where.ts';
import { renaming } from '../../shared/znode/renaming.ts';
import { serviceConfig } from './service-events.ts';

export type Act =
  | {
      readonly kind: 'znode';
      readonly host: number;
      readonly twin: boolean;
      /** Which of the service's paths it is below. */
      readonly below: number;
      readonly address: number;
      readonly weight: number;
      readonly bad: boolean;
    }
  | { readonly kind: 'gone'; readonly pick: number }
  | { readonly kind: 'stale'; readonly pick: number }
  | { readonly kind: 'health'; readonly host: number; readonly proxy: number; readonly to: Verdict }
  | { readonly kind: 'cordon'; readonly host: number; readonly ms: number | null }
  | { readonly kind: 'uncordon'; readonly host: number }
  | { readonly kind: 'released' | 'trusted' | 'backwards' | 'unconfigured' | 'complete' }
  | { readonly kind: 'config'; readonly config: ServiceConfig }
  | { readonly kind: 'pass'; readonly ms: number };

/** Guards that are off are frequent: only then the last server is kept for itself. */
export const config: fc.Arbitrary<ServiceConfig> = fc
  .record({
    path: fc.constantFrom<ServicePath>(
      '/a',
      '/a',
      { union: ['/a', '/b'] },
      { first: ['/a', '/b'] },
      { first: ['/b', '/c', '/a'] },
      { first: ['/c', '/b'] },
    ),
    drainTimeout: fc.constantFrom(0, 1_000, 4_000),
    guard: fc.record({ maxLoss: fc.constantFrom(0.3, 0.5, 1, 1), window: fc.constant(3_000), hold: fc.constantFrom(0, 8_000) }),
    flap: fc.constantFrom(null, { transitions: 1, window: 60_000, quarantine: 5_000 }),
    warmUp: fc.constantFrom(null, 10_000),
    maxInstances: fc.constantFrom(3, 1_000, 1_000),
    prefer: fc.constantFrom<Prefer>({}, { region: ['no'] }),
    placed: fc.constantFrom<Partial<ServiceConfig>>(
      {},
      {},
      { farWeight: 0.25 },
      { weights: { registered: true, default: 7, scale: 2.5, max: 60 } },
      { weights: { registered: false, default: 3, scale: 0.5, max: 256 }, farWeight: 0.5 },
    ),
    server: fc.constantFrom<ServiceConfig['server']>(
      { maxConn: null },
      { maxConn: 20, options: ['backup', 'maxconn'] },
      { maxConn: null, options: ['disabled', 'maxconn', 'weight'] },
    ),
    where: fc.constantFrom<Where>({}, {}, { region: { in: ['no'] } }, { region: { not: ['de'] } }),
    check: fc.constantFrom({ type: 'none' as const }, { type: 'tcp' as const, interval: 2_000, rise: 2, fall: 3 }),
  })
  .map(({ placed, ...config }) => serviceConfig({ ...config, ...placed }));

/** What registrations say, by their weight. */
const LABELS: readonly Readonly<Record<string, string>>[] = [{ region: 'no' }, { region: 'no' }, { region: 'de' }, {}];

const OPTIONS: readonly Partial<Registration>[] = [
  {},
  {},
  { weighed: true },
  { options: { backup: true, maxconn: 5 } },
  { options: { weight: 9, unread: ['cookie x'] } },
  { options: { disabled: true, maxconn: 50 } },
];

/** Acts among `hosts` hosts; each has an address of its own, and sometimes claims another's. */
export function acts(hosts: number, maxLength: number): fc.Arbitrary<Act[]> {
  const host = fc.integer({ min: 1, max: hosts });
  const some = <T extends Act>(weight: number, arbitrary: fc.Arbitrary<T>): { weight: number; arbitrary: fc.Arbitrary<Act> } => ({
    weight,
    arbitrary,
  });
  const act = fc.oneof(
    some(
      9,
      fc.record({
        kind: fc.constant('znode' as const),
        host,
        twin: fc.boolean(),
        below: fc.nat(5),
        address: fc.integer({ min: 0, max: 12 }),
        weight: fc.integer({ min: 0, max: 30 }),
        bad: fc.boolean(),
      }),
    ),
    some(8, fc.record({ kind: fc.constant('gone' as const), pick: fc.nat(1_000) })),
    some(1, fc.record({ kind: fc.constant('stale' as const), pick: fc.nat(1_000) })),
    some(
      7,
      fc.record({
        kind: fc.constant('health' as const),
        host,
        proxy: fc.integer({ min: 1, max: 3 }),
        to: fc.constantFrom<Verdict>('up', 'up', 'up', 'down', 'down', 'unknown', 'absent'),
      }),
    ),
    some(1, fc.record({ kind: fc.constant('cordon' as const), host, ms: fc.constantFrom(null, 3_000) })),
    some(1, fc.record({ kind: fc.constant('uncordon' as const), host })),
    some(
      1,
      fc.record({
        kind: fc.constantFrom('released' as const, 'trusted' as const, 'backwards' as const, 'unconfigured' as const, 'complete' as const),
      }),
    ),
    some(1, fc.record({ kind: fc.constant('config' as const), config })),
    some(8, fc.record({ kind: fc.constant('pass' as const), ms: fc.integer({ min: 1, max: 4_000 }) })),
  );
  return fc.array(act, { maxLength, size: 'max' });
}

/** Turns acts into events as their writers would: zxids rise, a proxy says what it said before. */
export class Writers {
  readonly #znodes = new Map<string, { id: string; znode: Znode }>();
  readonly #past: { id: string; znode: Znode }[] = [];
  readonly #verdicts = new Map<string, Verdict>();
  #zxid = 0;
  /** As it is configured now, or was last. */
  #path: ServicePath;
  #isConfigured = true;

  constructor({ path }: ServiceConfig) {
    this.#path = path;
  }

  /** `pass` is the caller's to do. */
  events(act: Act, now: number): ServiceEvent[] {
    switch (act.kind) {
      case 'znode':
        return [this.#register(act)];
      case 'gone': {
        const all = [...this.#znodes];
        const [name, known] = all[act.pick % Math.max(1, all.length)] ?? [];
        if (name === undefined || known === undefined) return [];
        this.#znodes.delete(name);
        this.#past.push(known);
        return [{ type: 'deregistered', instance: known.id, znode: known.znode }];
      }
      case 'stale': {
        const known = this.#past[act.pick % Math.max(1, this.#past.length)];
        return known === undefined ? [] : [{ type: 'deregistered', instance: known.id, znode: known.znode }];
      }
      case 'health': {
        const key = `${act.host} ${act.proxy}`;
        const from = this.#verdicts.get(key) ?? 'absent';
        this.#verdicts.set(key, act.to);
        return [{ type: 'health', proxy: `p${act.proxy}`, verdicts: [{ instance: `10.0.0.${act.host}:80`, from, to: act.to }] }];
      }
      case 'cordon':
        return [
          { type: 'cordoned', instance: `10.0.0.${act.host}:80`, by: 'me', reason: 'why', until: act.ms === null ? null : now + act.ms },
        ];
      case 'uncordon':
        return [{ type: 'uncordoned', instance: `10.0.0.${act.host}:80` }];
      case 'released':
        return [{ type: 'released', by: 'me', reason: '' }];
      case 'trusted':
        return [{ type: 'trusted', by: 'me' }];
      case 'backwards':
        return [{ type: 'backwards', seen: '9', found: '8' }];
      case 'unconfigured':
        this.#isConfigured = false;
        return [{ type: act.kind }];
      case 'complete':
        return [{ type: act.kind }];
      case 'config':
        return [...this.#rename(act.config.path), { type: 'configured', config: act.config }];
      case 'pass':
        return [];
    }
  }

  /** As the watcher does, in one step with the config. */
  #rename(path: ServicePath): readonly ServiceEvent[] {
    const view = new Map([...this.#znodes].map(([name, { id, znode }]) => [name, { ...znode, instance: id }]));
    const names = renaming(view, this.#isConfigured ? this.#path : null, path);
    this.#path = path;
    this.#isConfigured = true;
    if (names === null) return [];
    this.#znodes.clear();
    for (const [name, { instance, ...znode }] of names.view) this.#znodes.set(name, { id: instance, znode: { ...znode, name } as Znode });
    return names.events;
  }

  #register({ host, twin, below, address, weight, bad }: Extract<Act, { kind: 'znode' }>): ServiceEvent {
    this.#zxid += 1;
    const id = `10.0.0.${host}:80`;
    const paths = pathsOf(this.#path);
    const name = znodeName(this.#path, paths[below % paths.length] ?? '', twin ? `${id}-b` : id);
    const known = this.#znodes.get(name);
    const zxid = String(this.#zxid);
    const znode =
      known === undefined
        ? { name, czxid: zxid, mzxid: zxid, version: 0 }
        : { ...known.znode, mzxid: zxid, version: known.znode.version + 1 };
    this.#znodes.set(name, { id, znode });
    const at = `10.0.0.${address === 0 ? 1 + (host % 3) : host}`;
    const said =
      bad && address > 9
        ? { rejection: { code: 'bad-data' as const, detail: 'x' } }
        : {
            registration: {
              host: at,
              address: at,
              port: 80,
              weight,
              labels: LABELS[weight % LABELS.length] ?? {},
              ...OPTIONS[weight % OPTIONS.length],
            },
          };
    return { type: known === undefined ? 'registered' : 'changed', instance: id, znode, said };
  }
}
