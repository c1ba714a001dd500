/** Builds the events of a service's log for tests: ids rise by themselves, times are what the test says. */
import { instanceDue, serviceDue } from '../../machines/deadlines.ts';
import { fold, type Transition } from '../../machines/fold.ts';
import type { FoldState } from '../../machines/fold-state.ts';
import { type InstanceSnapshot, newInstance } from '../../machines/instance.ts';
import { newService } from '../../machines/service.ts';
import type { Logged, ServiceEvent } from '../../shared/model/event.ts';
import type { Registration, Znode } from '../../shared/model/registration.ts';
import type { ServiceConfig } from '../../shared/model/service-config.ts';

export function serviceConfig(changes: Partial<ServiceConfig> = {}): ServiceConfig {
  return {
    name: 'web',
    path: '/services/web/instances',
    format: 'auto',
    listen: null,
    mode: 'http',
    balance: 'roundrobin',
    check: { type: 'http', method: 'GET', path: '/health', interval: 2_000, rise: 2, fall: 3 },
    timeouts: { connect: null, client: null, server: null, check: null, queue: null },
    server: { maxConn: null },
    drainTimeout: 30_000,
    guard: { maxLoss: 0.5, window: 10_000, hold: 300_000 },
    flap: null,
    warmUp: null,
    allow: { cidrs: ['0.0.0.0/0', '::/0'], loopback: true, names: true },
    maxInstances: 10_000,
    ...changes,
  };
}

export function registration(port: number, changes: Partial<Registration> = {}): Registration {
  return { host: '10.0.0.1', address: '10.0.0.1', port, weight: 1, labels: {}, ...changes };
}

/** One service, folded event by event. */
export class Story {
  readonly state: FoldState = { service: newService(), instances: new Map(), addresses: new Map(), touched: new Map() };
  readonly transitions: Transition[] = [];
  readonly logged: Logged<ServiceEvent>[] = [];
  #now = 1_000_000;
  #sequence = 0;
  #zxid = 0;
  readonly #znodes = new Map<string, Znode>();

  constructor(config: ServiceConfig | null = serviceConfig()) {
    if (config !== null) this.tell({ type: 'configured', config });
  }

  get now(): number {
    return this.#now;
  }

  pass(ms: number): this {
    this.#now += ms;
    return this;
  }

  tell(event: ServiceEvent): Transition[] {
    this.#sequence += 1;
    const logged: Logged<ServiceEvent> = { id: `${this.#now}-${this.#sequence}`, time: this.#now, event, source: null, cause: null };
    this.logged.push(logged);
    const transitions = fold(this.state, logged);
    this.transitions.push(...transitions);
    return transitions;
  }

  /** A znode named as its instance, `10.0.0.1:<port>`. */
  register(port: number, changes: Partial<Registration> = {}, znode = `10.0.0.1:${port}`): Transition[] {
    this.#zxid += 1;
    const stat: Znode = { name: znode, czxid: String(this.#zxid), mzxid: String(this.#zxid), version: 0 };
    this.#znodes.set(znode, stat);
    const said = registration(port, changes);
    return this.tell({ type: 'registered', instance: `${said.host}:${port}`, znode: stat, said: { registration: said } });
  }

  /** A znode of the instance's own name comes, or is written to, with data that cannot be read. */
  spoil(port: number): Transition[] {
    this.#zxid += 1;
    const name = `10.0.0.1:${port}`;
    const stat: Znode = { name, czxid: String(this.#zxid), mzxid: String(this.#zxid), version: 0 };
    this.#znodes.set(name, stat);
    return this.tell({ type: 'registered', instance: name, znode: stat, said: { rejection: { code: 'bad-data', detail: 'no JSON' } } });
  }

  deregister(port: number, znode = `10.0.0.1:${port}`, host = '10.0.0.1'): Transition[] {
    const stat = this.#znodes.get(znode) ?? { name: znode, czxid: '0', mzxid: '0', version: 0 };
    return this.tell({ type: 'deregistered', instance: `${host}:${port}`, znode: stat });
  }

  up(port: number, from: 'unknown' | 'absent' | 'down' = 'absent'): Transition[] {
    return this.tell({ type: 'health', proxy: 'p1', verdicts: [{ instance: `10.0.0.1:${port}`, from, to: 'up' }] });
  }

  /** Every proxy that looked sees it down. */
  down(instance: string, from: 'unknown' | 'absent' | 'up' = 'up'): this {
    this.tell({ type: 'health', proxy: 'p1', verdicts: [{ instance, from, to: 'down' }] });
    return this;
  }

  instance(id: string): InstanceSnapshot {
    return this.state.instances.get(id) ?? newInstance(id);
  }

  at(port: number): InstanceSnapshot {
    return this.instance(`10.0.0.1:${port}`);
  }

  /** The deadlines that are due by now: those of instances in the order of their ids, then those of the service. */
  due(): Extract<ServiceEvent, { type: 'timer' }>[] {
    const instances = [...this.state.instances].sort();
    return [
      ...instances.flatMap(([, snapshot]) => (snapshot === null ? [] : instanceDue(snapshot, this.#now))),
      ...serviceDue(this.state.service, this.#now),
    ];
  }

  /** Lets them come due once. */
  ring(): void {
    for (const event of this.due()) this.tell(event);
  }
}
