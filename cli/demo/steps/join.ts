/** Join: an instance registers, HAProxy gets it by its runtime socket, and the first request reaches it once two checks were good. */
import { INVENTORY } from '../begin.ts';
import { duration, hold, type TourStep } from '../tour-step.ts';

const WITHIN_MS = 15_000;

export const join: TourStep = {
  name: 'join',
  title: 'an instance registers',
  lossesMax: 0,
  async run({ stack, world, signal }) {
    const reloads = await world.reloads();
    const instance = await stack.startInstance(INVENTORY);
    const registeredAt = await instance.register(signal);
    const firstAt = await instance.firstRequest(registeredAt, WITHIN_MS, signal);
    const more = (await world.reloads()) - reloads;
    hold(more === 0, `HAProxy was reloaded ${more} times for one instance`);
    return [`${instance.id}: znode -> first request ${duration(firstAt - registeredAt)}, two good checks included; 0 reloads`];
  },
};
