/** Mass loss: the registrar of all instances of a service dies. The registry says that nobody is left; the processes are well, and are kept. */
import { must } from '../../../shared/errors.ts';
import { pause } from '../../../shared/runtime/wait.ts';
import { PRICING, registerAll } from '../begin.ts';
import { clock } from '../messages.ts';
import { duration, hold, instancesOf, type TourStep } from '../tour-step.ts';
import { until } from '../until.ts';

const WITHIN_MS = 20_000;
const HELD_MS = 2_000;

export const massLoss: TourStep = {
  name: 'mass loss',
  title: 'the registry loses every instance of a service',
  lossesMax: 0,
  async run(context) {
    const { stack, world, load, signal } = context;
    const instances = instancesOf(context, PRICING);
    const states = async (): Promise<string[]> => {
      const all = await world.instances(PRICING);
      return instances.map(({ id }) => all.get(id)?.state ?? 'gone');
    };
    const registrar = must(stack.registrars[0], 'the registrar');
    const killedAt = clock();
    registrar.child.kill('SIGKILL');
    const emptyAt = await until('its session to end', async () => ((await world.znodes(PRICING)).length === 0 ? clock() : null), {
      within: WITHIN_MS,
      signal,
    });
    const heldAt = await until(
      'the loss to be held',
      async () => ((await world.isHeld(PRICING)) && (await states()).every((state) => state === 'held') ? clock() : null),
      { within: WITHIN_MS, signal },
    );
    const before = new Map(load.byInstance);
    await pause(HELD_MS, signal);
    const servers = await world.servers(PRICING);
    for (const { id } of instances) {
      const server = servers.get(id);
      hold(server?.admin === 'ready' && server.operation === 'running', `${id} was taken out while the loss was held`);
    }
    const meanwhile = instances.map(({ id }) => (load.byInstance.get(id) ?? 0) - (before.get(id) ?? 0));
    hold(
      meanwhile.every((count) => count > 0),
      `requests to the held instances: ${meanwhile.join(', ')}`,
    );

    const returnedAt = clock();
    await registerAll(stack, PRICING, await stack.startRegistrar());
    const servingAt = await until(
      'them to be back',
      async () => (!(await world.isHeld(PRICING)) && (await states()).every((state) => state === 'serving') ? clock() : null),
      { within: WITHIN_MS, signal },
    );
    return [
      `kill -9 of their registrar: ${instances.length} of ${instances.length} znodes gone after ${duration(emptyAt - killedAt)}; held ${duration(heldAt - emptyAt)} later`,
      `while held: ${meanwhile.reduce((sum, count) => sum + count, 0)} requests in ${duration(HELD_MS)}, served by all ${instances.length}`,
      `their registrar came back: the hold ended after ${duration(servingAt - returnedAt)}`,
    ];
  },
};
