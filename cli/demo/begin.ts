/** From nothing to a running whole: servers, sample instances, pointsman, and every instance in HAProxy with a good check. Says what it does. */
import { must } from '../../shared/errors.ts';
import type { ServiceName } from '../../shared/model/ids.ts';
import { paths } from './files.ts';
import type { Target } from './load.ts';
import type { Registrations } from './registrations.ts';
import { PARTS, type Stack } from './stack.ts';
import { until } from './until.ts';
import { World } from './world.ts';

export const INVENTORY = 'inventory_service';
export const PRICING = 'pricing_service';
const INVENTORY_INSTANCES = 3;
const PRICING_INSTANCES = 2;
const SERVING_WITHIN_MS = 45_000;

/** The instances of PRICING are registered by one registrar, those of INVENTORY each by itself. The world is the caller's to close. */
export async function begin(stack: Stack, say: (line: string) => void): Promise<World> {
  const started = performance.now();
  await stack.startServers([INVENTORY, PRICING]);
  const wanted = [...Array<ServiceName>(INVENTORY_INSTANCES).fill(INVENTORY), ...Array<ServiceName>(PRICING_INSTANCES).fill(PRICING)];
  const [registrar] = await Promise.all([
    stack.startRegistrar(),
    stack.startPointsman(),
    ...wanted.map((service) => stack.startInstance(service)),
  ]);
  stack.instances.sort((a, b) => (a.service === b.service ? a.port - b.port : a.service < b.service ? -1 : 1));
  for (const line of whereabouts(stack)) say(line);
  await registerAll(stack, PRICING, registrar);
  await registerAll(stack, INVENTORY, null);
  const world = new World(stack);
  try {
    let ended: string | null = null;
    const pointsman = must(stack.parts.get('pointsman'), 'pointsman');
    void pointsman.ended.then((how) => {
      ended = how;
    });
    await until('every instance to serve through HAProxy', () => ended !== null || allServe(stack, world), {
      within: SERVING_WITHIN_MS,
      signal: stack.signal,
      every: 100,
    });
    if (ended !== null) throw new Error(`pointsman ended by itself (${String(ended)}): ${pointsman.tail()}`);
  } catch (error) {
    await world.close();
    throw error;
  }
  say(`${stack.instances.length} instances registered and serving after ${((performance.now() - started) / 1_000).toFixed(1)} s`);
  return world;
}

/** Registers what runs of a service: each by itself, or all by one registrar. */
export async function registerAll(stack: Stack, service: ServiceName, registrar: Registrations | null): Promise<void> {
  const instances = stack.instances.filter((instance) => instance.service === service && instance.child.running);
  for (const instance of instances) instance.registrar = registrar ?? instance.registrations;
  await Promise.all(instances.map((instance) => instance.register(stack.signal)));
}

/** Where the demo's load goes. */
export function targets(stack: Stack): Target[] {
  return stack.services.filter(({ name }) => name === INVENTORY || name === PRICING).map(({ name, port }) => ({ service: name, port }));
}

export function whereabouts(stack: Stack): string[] {
  const { ports } = stack.layout;
  const pid = new Map(PARTS.map((part) => [part, stack.parts.get(part)?.pid ?? 0]));
  return [
    `zookeeper  127.0.0.1:${ports.zookeeper}  pid ${pid.get('zookeeper')}`,
    `redis      127.0.0.1:${ports.redis}  pid ${pid.get('redis')}`,
    `haproxy    figures http://127.0.0.1:${ports.stats}/  pid ${pid.get('haproxy')}`,
    `pointsman  queues http://127.0.0.1:${ports.dashboard}/queues  pid ${pid.get('pointsman')}`,
    `config     ${paths.config(stack.folder)}`,
  ];
}

async function allServe(stack: Stack, world: World): Promise<boolean> {
  for (const { name } of stack.services) {
    const [servers, states] = await Promise.all([world.servers(name), world.instances(name)]);
    for (const { id } of stack.instances.filter((instance) => instance.service === name)) {
      const server = servers.get(id);
      if (server?.admin !== 'ready' || server.operation !== 'running' || states.get(id)?.state !== 'serving') return false;
    }
  }
  return true;
}
