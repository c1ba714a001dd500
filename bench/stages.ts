/** Where the time of a change goes inside pointsman: a run of its own, because the adapters are traced in it. */
import { Endings } from './endings.ts';
import { gap } from './latency.ts';
import { measureAdd, measureRemove } from './measure.ts';
import type { Options } from './options.ts';
import { type Stage, type TracedChange, timeline } from './timeline.ts';
import { startPointsman } from './variants/pointsman.ts';
import { WITHOUT_CHECKS } from './variants/variant.ts';
import type { World } from './world.ts';

export interface Stages {
  readonly add: readonly Stage[];
  readonly remove: readonly Stage[];
  /** ms of the process per round of one create and one delete, everything included. */
  readonly cpuPerRound: number;
}

const ROUNDS_MAX = 40;

export async function traceStages(world: World, options: Pick<Options, 'rounds' | 'warmUp'>): Promise<Stages> {
  const endings = new Endings();
  try {
    const variant = endings.add(await startPointsman(world, WITHOUT_CHECKS, { label: 'traced', trace: true }));
    await world.tree.create(`${variant.path}/${world.steady}`, '', 'ephemeral');
    const add: TracedChange[] = [];
    const remove: TracedChange[] = [];
    const rounds = Math.min(ROUNDS_MAX, options.rounds);
    let cpu = 0;
    for (let round = 1 - options.warmUp; round <= rounds; round += 1) {
      const instance = world.nextPort();
      await variant.settled(1);
      await gap();
      const before = await variant.trace();
      const added = await measureAdd(world.tree, variant, instance);
      await gap();
      const first = await variant.trace();
      const removed = await measureRemove(world.tree, variant, instance);
      const second = await variant.trace();
      if (round < 1) continue;
      cpu += second.cpu - before.cpu;
      add.push({ ...added, marks: first.marks });
      remove.push({ ...removed, marks: second.marks });
    }
    return { add: timeline(add), remove: timeline(remove), cpuPerRound: cpu / rounds };
  } finally {
    await endings.run();
  }
}
