/** Restart: pointsman itself is killed. HAProxy goes on without it, and what happened meanwhile is made good when it is started again. */
import { must } from '../../../shared/errors.ts';
import { pause } from '../../../shared/runtime/wait.ts';
import { INVENTORY } from '../begin.ts';
import { clock } from '../messages.ts';
import { duration, hold, type TourStep } from '../tour-step.ts';
import { until } from '../until.ts';

const WITHIN_MS = 30_000;
const WITHOUT_MS = 1_500;

export const restart: TourStep = {
  name: 'restart',
  title: 'kill -9 of pointsman itself',
  lossesMax: 0,
  async run({ stack, world, load, signal }) {
    const killed = must(stack.parts.get('pointsman'), 'pointsman');
    const { answered } = load;
    killed.kill('SIGKILL');
    await killed.ended;
    const instance = await stack.startInstance(INVENTORY);
    const registeredAt = await instance.register(signal);
    await pause(WITHOUT_MS, signal);
    hold(!(await world.servers(INVENTORY)).has(instance.id), 'somebody else put the new instance into HAProxy');
    const without = load.answered - answered;
    hold(without > 0, 'no request was answered while pointsman was away');
    const startedAt = clock();
    const child = await stack.startPointsman();
    const firstAt = await instance.firstRequest(registeredAt, WITHIN_MS, signal);
    await until('the backend to be in sync', async () => (await world.backend(INVENTORY)) === 'in-sync', { within: WITHIN_MS, signal });
    return [
      `away for ${duration(startedAt - registeredAt)}: ${without} requests answered without it, and ${instance.id} registered`,
      `started again as pid ${child.pid}: that instance got its first request ${duration(firstAt - startedAt)} later, all in sync`,
    ];
  },
};
