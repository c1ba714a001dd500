/** Config change: a new service in pointsman.yaml. Its frontend and backend need a reload: one, with its reason, and no request is lost. */
import { get } from 'node:http';
import { pause } from '../../../shared/runtime/wait.ts';
import { INVENTORY, PRICING } from '../begin.ts';
import { clock } from '../messages.ts';
import { duration, hold, type TourStep } from '../tour-step.ts';
import { until } from '../until.ts';

export const ORDERS = 'orders_service';
const WITHIN_MS = 25_000;
/** Longer than reloads are apart at the least (2 s and up to a fifth more): a second one would be seen. */
const QUIET_MS = 3_000;

export const configChange: TourStep = {
  name: 'config change',
  title: 'a new service in pointsman.yaml',
  lossesMax: 0,
  async run({ stack, world, signal }) {
    const instance = await stack.startInstance(ORDERS);
    await instance.register(signal);
    const before = { reloads: await world.reloads(), entry: await world.proxyLogEnd() };
    const entry = await stack.entry(ORDERS);
    const changedAt = clock();
    await stack.configure([...stack.services, entry]);
    const servedAt = await until('the new service to answer', async () => ((await status(entry.port)) === 200 ? clock() : null), {
      within: WITHIN_MS,
      signal,
    });
    await pause(QUIET_MS, signal);
    for (const service of [INVENTORY, PRICING, ORDERS]) {
      await until(`${service} to be in sync`, async () => (await world.backend(service)) === 'in-sync', { within: WITHIN_MS, signal });
    }
    const reloads = (await world.reloads()) - before.reloads;
    hold(reloads === 1, `HAProxy was reloaded ${reloads} times for one change`);
    const added = (await world.commandsAfter(before.entry)).filter(
      ({ service, command }) => service !== ORDERS && !/ state /.test(command),
    );
    hold(added.length === 0, `after the reload the files were not enough: ${added.map(({ command }) => command).join('; ')}`);
    return [
      `${ORDERS} answers ${duration(servedAt - changedAt)} after the file was saved; one reload, because: ${(await world.lastReloadReason()) ?? 'unknown'}`,
      'the other services came up from their files with every server: none had to be added again',
    ];
  },
};

/** null: no answer. */
function status(port: number): Promise<number | null> {
  return new Promise((resolve) => {
    const request = get({ host: '127.0.0.1', port, path: '/', agent: false, timeout: 1_000 }, (response) => {
      response.resume();
      resolve(response.statusCode ?? null);
    });
    request.once('timeout', () => request.destroy());
    request.once('error', () => resolve(null));
  });
}
