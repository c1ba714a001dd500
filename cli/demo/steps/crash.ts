/** Crash: an instance is killed with its session, and leaves when HAProxy's checks and then the registry say so; requests go on meanwhile. */
import { must } from '../../../shared/errors.ts';
import { INVENTORY } from '../begin.ts';
import { clock } from '../messages.ts';
import { duration, instancesOf, type TourStep } from '../tour-step.ts';
import { until } from '../until.ts';

const WITHIN_MS = 20_000;
/** Requests that are in a process at the moment of its death die with it: at 50 a second and a millisecond each, rarely one. */
const LOSSES_MAX = 3;

export const crash: TourStep = {
  name: 'crash',
  title: 'kill -9 of an instance',
  lossesMax: LOSSES_MAX,
  async run(context) {
    const { world, load, signal } = context;
    const instance = must(instancesOf(context, INVENTORY)[1], 'an instance');
    const failed = load.failed;
    const killedAt = clock();
    instance.child.kill('SIGKILL');
    const down = await until(
      'HAProxy to see it down',
      async () => {
        const server = (await world.servers(INVENTORY)).get(instance.id);
        return server === undefined || server.operation === 'stopped' ? clock() : null;
      },
      { within: WITHIN_MS, signal },
    );
    const lost = load.failed - failed;
    const ended = await until(
      'its session to end',
      async () => ((await world.znodes(INVENTORY)).includes(znodeOf(instance.path)) ? null : clock()),
      {
        within: WITHIN_MS,
        signal,
      },
    );
    const gone = await until('it to leave HAProxy', async () => ((await world.servers(INVENTORY)).has(instance.id) ? null : clock()), {
      within: WITHIN_MS,
      signal,
    });
    return [
      `${instance.id}: ${lost === 0 ? 'no request' : `${lost} of the requests in it`} failed; the others went elsewhere at once`,
      `seen down by the checks after ${duration(down - killedAt)}; session ended after ${duration(ended - killedAt)}, out of HAProxy after ${duration(gone - killedAt)}`,
    ];
  },
};

function znodeOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}
