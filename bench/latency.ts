/**
 * How long a change takes from Zookeeper to the traffic, by every variant in the same run: in each round every variant, in another order each time,
 * gets one instance more and loses it again. Only one variant is asked for traffic at a time.
 */
import { pause } from '../shared/runtime/wait.ts';
import { Endings } from './endings.ts';
import { type Measured, measureAdd, measureRemove } from './measure.ts';
import type { Options } from './options.ts';
import { startPointsman } from './variants/pointsman.ts';
import { isAnswered } from './variants/settled.ts';
import type { Recipe, Variant } from './variants/variant.ts';
import { startBare, startReload } from './variants/yardsticks.ts';
import type { World } from './world.ts';

export interface Samples {
  readonly variant: Variant['name'];
  readonly add: readonly Measured[];
  readonly remove: readonly Measured[];
}

/** ms between two changes, evenly spread, so that no timer of a variant can keep step with them. */
const GAP_MS = { least: 100, most: 300 };

export async function measureLatency(
  world: World,
  recipe: Recipe,
  names: readonly Variant['name'][],
  options: Pick<Options, 'rounds' | 'warmUp' | 'everyMs'>,
  progress: (round: number) => void,
): Promise<Samples[]> {
  const endings = new Endings();
  const hand = { tree: world.tree, everyMs: options.everyMs };
  try {
    const variants: Variant[] = [];
    for (const name of names) variants.push(endings.add(await start(world, recipe, name)));
    for (const { path } of variants) await world.tree.create(`${path}/${world.steady}`, '', 'ephemeral');
    for (const { port } of variants) await isAnswered(port);
    const samples = new Map(variants.map(({ name }) => [name, { add: [] as Measured[], remove: [] as Measured[] }]));
    for (let round = 1 - options.warmUp; round <= options.rounds; round += 1) {
      for (const variant of shuffled(variants)) {
        const instance = world.nextPort();
        await variant.settled(1);
        await gap();
        const add = await measureAdd(hand, variant, instance);
        await gap();
        const remove = await measureRemove(hand, variant, instance);
        if (round < 1) continue;
        samples.get(variant.name)?.add.push(add);
        samples.get(variant.name)?.remove.push(remove);
      }
      progress(round);
    }
    return [...samples].map(([variant, { add, remove }]) => ({ variant, add, remove }));
  } finally {
    await endings.run();
  }
}

function start(world: World, recipe: Recipe, name: Variant['name']): Promise<Variant> {
  if (name === 'pointsman') return startPointsman(world, recipe);
  return name === 'bare' ? startBare(world, recipe) : startReload(world, recipe);
}

export function gap(): Promise<void> {
  return pause(GAP_MS.least + Math.random() * (GAP_MS.most - GAP_MS.least));
}

function shuffled<T>(items: readonly T[]): T[] {
  return items
    .map((item) => ({ item, at: Math.random() }))
    .sort((a, b) => a.at - b.at)
    .map(({ item }) => item);
}
