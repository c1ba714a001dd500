/** What the keys of the display do. Each says what it did, and, once it is known, how long the traffic took to follow the znode. */
import { must } from '../../shared/errors.ts';
import { pause } from '../../shared/runtime/wait.ts';
import { INVENTORY } from './begin.ts';
import type { Instance } from './instance.ts';
import type { Stack } from './stack.ts';
import { ORDERS } from './steps/config-change.ts';
import type { Timeline } from './timeline.ts';
import { duration } from './tour-step.ts';

/** More would not fit the display, nor a small machine. */
const INSTANCES_MAX = 12;
const FIRST_REQUEST_WITHIN_MS = 60_000;
/** After this long without a request an instance is said to have had its last one. */
const LAST_REQUEST_MS = 1_500;

export class Actions {
  readonly #stack: Stack;
  readonly #timeline: Timeline;

  constructor(stack: Stack, timeline: Timeline) {
    this.#stack = stack;
    this.#timeline = timeline;
  }

  /** Starts an instance of the service and registers it. */
  async add(service: string | null): Promise<void> {
    const { instances } = this.#stack;
    if (instances.filter((instance) => instance.child.running).length >= INSTANCES_MAX)
      return this.#say(`${INSTANCES_MAX} instances are enough`);
    await this.#register(await this.#stack.startInstance(service ?? INVENTORY));
  }

  /** Takes the registration away, or gives it back; the process lives on. */
  async toggleRegistration(instance: Instance): Promise<void> {
    if (!instance.child.running) return this.#say(`${instance.id} was killed: there is nothing to register`);
    if (!instance.isRegistered) return this.#register(instance);
    const leftAt = await instance.deregister(this.#stack.signal);
    this.#say(`${instance.id} deregistered, its process lives on`);
    let requests = -1;
    while (requests !== instance.traffic.requests && !instance.isRegistered) {
      requests = instance.traffic.requests;
      await pause(LAST_REQUEST_MS, this.#stack.signal);
    }
    const last = instance.traffic.lastAt ?? leftAt;
    if (!instance.isRegistered) this.#say(`${instance.id}: znode gone -> last new request ${duration(last - leftAt)}`);
  }

  /** Its session ends with it, by its timeout. One that a registrar registers stays in the registry. */
  kill(instance: Instance): void {
    if (!instance.child.running) return this.#say(`${instance.id} was killed before`);
    instance.child.kill('SIGKILL');
    const own = instance.registrar === instance.registrations;
    this.#say(`kill -9 of ${instance.id}${own ? '; its session ends in 3 s' : '; its registrar still registers it'}`);
  }

  hang(instance: Instance): void {
    if (!instance.child.running) return this.#say(`${instance.id} was killed`);
    instance.hang(!instance.hanging);
    this.#say(`${instance.id} ${instance.hanging ? 'takes connections and answers nothing, health checks neither' : 'answers again'}`);
  }

  /** Adds a service to pointsman.yaml, or takes it out. */
  async changeConfig(): Promise<void> {
    const { services } = this.#stack;
    if (services.some(({ name }) => name === ORDERS)) {
      await this.#stack.configure(services.filter(({ name }) => name !== ORDERS));
      return this.#say(`pointsman.yaml saved without ${ORDERS}`);
    }
    await this.#stack.configure([...services, await this.#stack.entry(ORDERS)]);
    this.#say(`pointsman.yaml saved with ${ORDERS}`);
    const known = this.#stack.instances.find((instance) => instance.service === ORDERS && instance.child.running);
    if (known === undefined) await this.#register(await this.#stack.startInstance(ORDERS));
  }

  /** kill -9 of pointsman, or a new start. */
  async togglePointsman(): Promise<void> {
    const child = must(this.#stack.parts.get('pointsman'), 'pointsman');
    if (child.running) {
      child.kill('SIGKILL');
      return this.#say('kill -9 of pointsman: HAProxy goes on as it is');
    }
    this.#say(`pointsman started again, pid ${(await this.#stack.startPointsman()).pid}`);
  }

  async #register(instance: Instance): Promise<void> {
    const at = await instance.register(this.#stack.signal);
    this.#say(`${instance.service} ${instance.id} registered`);
    // Nobody sends requests to a service that the demo's load does not know.
    if (instance.service === ORDERS) return;
    const firstAt = await instance.firstRequest(at, FIRST_REQUEST_WITHIN_MS, this.#stack.signal);
    this.#say(`${instance.id}: znode -> first request ${duration(firstAt - at)}`);
  }

  #say(text: string): void {
    this.#timeline.say(text);
  }
}
