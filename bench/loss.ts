/**
 * Requests lost while instances come and go, and while HAProxy is reloaded for a change of options, under a steady load of keep-alive and new
 * connections. An instance serves on after it has left the registry, as one does that drains before it ends; so nothing may be lost.
 */
import { join } from 'node:path';
import { pause } from '../shared/runtime/wait.ts';
import { until } from '../test/support/poll.ts';
import { Endings } from './endings.ts';
import type { Options } from './options.ts';
import { Program } from './program.ts';
import { type PointsmanVariant, startPointsman } from './variants/pointsman.ts';
import { isAnswered } from './variants/settled.ts';
import { WITH_CHECKS } from './variants/variant.ts';
import type { World } from './world.ts';

export interface LoadCount {
  readonly requests: number;
  readonly failed: number;
  readonly failures: Readonly<Record<string, number>>;
  /** ms */
  readonly slowest: number;
}

export interface Loss {
  /** Registrations that came, took traffic and went; or reloads. */
  readonly changes: number;
  /** Reloads of HAProxy meanwhile. */
  readonly reloads: number;
  readonly kept: LoadCount;
  readonly fresh: LoadCount;
}

/** Requests a second, of each kind. */
const PER_SECOND = 300;
/** Instances that come and go at the same time. */
const AT_ONCE = 4;
/** Requests that an instance has to have had before it goes. */
const SERVED_LEAST = 20;
const WITHIN_MS = 20_000;
/** Beside the one that is always on: until the last of them is gone. */
const SETTLE_MS = 500;

export async function measureLoss(world: World, options: Pick<Options, 'churns' | 'reloads'>): Promise<{ churn: Loss; reload: Loss }> {
  const endings = new Endings();
  try {
    const variant = endings.add(await startPointsman(world, WITH_CHECKS, { label: 'loss' }));
    await world.tree.create(`${variant.path}/${world.steady}`, '', 'ephemeral');
    await variant.settled(1);
    await isAnswered(variant.port);
    const load = endings.add(
      await Program.start('load', { port: variant.port, perSecond: PER_SECOND }, join(world.folder.path, 'load.log')),
    );
    await pause(SETTLE_MS);
    const before = await variant.haproxy.reloads();
    await churn(world, variant, options.churns);
    const between = await variant.haproxy.reloads();
    const churned = await reportOf(load, false);
    for (let done = 0; done < options.reloads; done += 1) await reload(variant, 1_000 + (done % 2 === 0 ? 1 : 0));
    await pause(SETTLE_MS);
    const reloaded = await reportOf(load, true);
    const after = await variant.haproxy.reloads();
    return {
      churn: { changes: options.churns, reloads: between - before, ...churned },
      reload: { changes: options.reloads, reloads: after - between, ...reloaded },
    };
  } finally {
    await endings.run();
  }
}

async function churn(world: World, variant: PointsmanVariant, churns: number): Promise<void> {
  let begun = 0;
  const one = async (): Promise<void> => {
    while (begun < churns) {
      begun += 1;
      const port = world.nextPort();
      const znode = `${variant.path}/127.0.0.1:${port}`;
      const before = await world.requests(port);
      await world.tree.create(znode, '', 'ephemeral');
      await until(`${port} to be asked`, async () => (await world.requests(port)) >= before + SERVED_LEAST, { timeoutMs: WITHIN_MS });
      await world.tree.remove(znode);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, one));
  await variant.settled(1);
}

async function reload(variant: PointsmanVariant, queueMs: number): Promise<void> {
  const before = await variant.haproxy.workerPid();
  await variant.changeOptions(queueMs);
  await until('HAProxy to be reloaded', async () => (await variant.haproxy.workerPid()) !== before, { timeoutMs: WITHIN_MS });
}

async function reportOf(load: Program, last: boolean): Promise<{ kept: LoadCount; fresh: LoadCount }> {
  const { kept, fresh } = await load.ask({ type: 'report', last }, 'report');
  return { kept: kept as LoadCount, fresh: fresh as LoadCount };
}
