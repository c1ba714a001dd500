/** A service's log and the records of its proxies, told event by event, and what `pointsman why` makes of them. */
import { account, type Known } from '../../cli/why/account.ts';
import { History } from '../../cli/why/history.ts';
import type { WhyReport } from '../../cli/why/report.ts';
import type { ProxyFacts } from '../../cli/why/standing.ts';
import type { Logged, ServiceEvent } from '../../shared/model/event.ts';
import type { EventId, InstanceId } from '../../shared/model/ids.ts';
import type { ProxyEvent } from '../../shared/model/proxy-event.ts';
import type { Registration, Znode } from '../../shared/model/registration.ts';
import type { ServiceConfig } from '../../shared/model/service-config.ts';
import { serviceConfig } from './service-events.ts';

export const START = 1_700_000_000_000;

export class WhyStory {
  now = START;
  readonly events: Logged<ServiceEvent>[] = [];
  readonly records = new Map<string, Logged<ProxyEvent>[]>();
  #sequence = 0;

  constructor(config: Partial<ServiceConfig> | null = {}) {
    if (config === null) return;
    this.tell({ type: 'configured', config: serviceConfig(config) });
    this.tell({ type: 'complete' });
  }

  pass(ms: number): this {
    this.now += ms;
    return this;
  }

  tell(event: ServiceEvent): EventId {
    const id = this.#id();
    this.events.push({ id, time: this.now, event, source: null, cause: null });
    return id;
  }

  register(port: number, changes: Partial<Registration> = {}): EventId {
    const said = { host: '10.0.0.1', address: '10.0.0.1', port, weight: 1, labels: {}, ...changes };
    return this.tell({ type: 'registered', instance: of(port), znode: znode(port), said: { registration: said } });
  }

  deregister(port: number): EventId {
    return this.tell({ type: 'deregistered', instance: of(port), znode: znode(port) });
  }

  check(port: number, to: 'up' | 'down', proxy = 'edge', from: 'absent' | 'up' | 'down' = 'absent'): EventId {
    return this.tell({ type: 'health', proxy, verdicts: [{ instance: of(port), from, to }] });
  }

  record(event: ProxyEvent, proxy = 'edge'): void {
    this.records.set(proxy, [...(this.records.get(proxy) ?? []), { id: this.#id(), time: this.now, event, source: null, cause: null }]);
  }

  /** A look that sends commands, gets its answers and finds them in place. */
  look(cursor: EventId | null, commands: readonly string[], { proxy = 'edge', outcome = 'done' } = {}): void {
    const announced = commands.map((command) => ({ command, reason: 'because' }));
    if (commands.length > 0) this.record({ type: 'patching', service: 'web', revision: 1, cursor, commands: announced }, proxy);
    const results = announced.map((one) => ({ ...one, outcome, reply: 'said', ms: 0.5 }));
    if (commands.length > 0) this.record({ type: 'commands', service: 'web', results }, proxy);
    if (outcome === 'done') this.record({ type: 'synced', service: 'web', revision: 1, cursor }, proxy);
  }

  /** Of an instance, or of the service as a whole. Everything is folded, nothing stored, and one proxy carries everything, unless `known` says otherwise. */
  why(port: number | null, known: Partial<Known> = {}, proxies: readonly Partial<ProxyFacts>[] = [{}]): WhyReport {
    const at = known.at ?? this.now;
    const instance = port === null ? null : of(port);
    const history = new History(null, instance === null ? null : { znode: instance, instances: [instance] });
    for (const event of this.events) if (event.time <= at) history.step(event);
    return account({
      at,
      past: false,
      service: 'web',
      instance,
      history,
      stored: null,
      instances: [...history.replay.state().instances.values()],
      facts: { inConfig: true, watchers: 1, unfolded: null },
      proxies: proxies.map((facts) => ({ ...this.#facts(facts.proxy ?? 'edge'), ...facts })),
      moreProxies: 0,
      heardOf: null,
      cut: false,
      notes: [],
      ...known,
    });
  }

  #facts(proxy: string): ProxyFacts {
    const record = { proxy, events: this.records.get(proxy) ?? [], whole: true };
    return { proxy, services: ['*'], lastSeen: this.now, silent: false, stored: null, record };
  }

  #id(): EventId {
    this.#sequence += 1;
    return `${this.now}-${this.#sequence}`;
  }
}

export function of(port: number): InstanceId {
  return `10.0.0.1:${port}`;
}

function znode(port: number): Znode {
  return { name: of(port), czxid: String(port), mzxid: String(port), version: 0 };
}
