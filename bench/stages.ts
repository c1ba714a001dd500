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
  /** Of one create and one delete with all that follows from them, per round. */
  readonly perRound: {
    /** ms of CPU of the process. */
    readonly cpu: number;
    readonly redisCommands: number;
    readonly serviceJobs: number;
    readonly proxyJobs: number;
  };
}

const ROUNDS_MAX = 40;

export async function traceStages(world: World, options: Pick<Options, 'rounds' | 'warmUp' | 'everyMs'>): Promise<Stages> {
  const endings = new Endings();
  const hand = { tree: world.tree, everyMs: options.everyMs };
  try {
    const variant = endings.add(await startPointsman(world, WITHOUT_CHECKS, { label: 'traced', trace: true }));
    await world.tree.create(`${variant.path}/${world.steady}`, '', 'ephemeral');
    const add: TracedChange[] = [];
    const remove: TracedChange[] = [];
    const rounds = Math.min(ROUNDS_MAX, options.rounds);
    const sum = { cpu: 0, redisCommands: 0, serviceJobs: 0, proxyJobs: 0 };
    for (let round = 1 - options.warmUp; round <= rounds; round += 1) {
      const instance = world.nextPort();
      await variant.settled(1);
      await gap();
      const before = await variant.trace();
      const added = await measureAdd(hand, variant, instance);
      await gap();
      const first = await variant.trace();
      const removed = await measureRemove(hand, variant, instance);
      const second = await variant.trace();
      await variant.settled(1);
      const settled = await variant.trace();
      if (round < 1) continue;
      const marks = [...first.marks, ...second.marks, ...settled.marks];
      sum.cpu += settled.cpu - before.cpu;
      sum.redisCommands += settled.commands - before.commands;
      sum.serviceJobs += marks.filter(({ name }) => name === 'job.services').length;
      sum.proxyJobs += marks.filter(({ name }) => name === 'job.proxies').length;
      add.push({ ...added, marks: first.marks });
      remove.push({ ...removed, marks: second.marks });
    }
    const { cpu, redisCommands, serviceJobs, proxyJobs } = sum;
    const perRound = {
      cpu: cpu / rounds,
      redisCommands: redisCommands / rounds,
      serviceJobs: serviceJobs / rounds,
      proxyJobs: proxyJobs / rounds,
    };
    return { add: timeline(add), remove: timeline(remove), perRound };
  } finally {
    await endings.run();
  }
}
