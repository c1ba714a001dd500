/** The replay of an export equals the run that was exported, whatever happened in it: the codec, the checkpoints and the fold together. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { LogItem } from '../../shared/model/log-item.ts';
import { runs } from '../support/property.ts';
import { Story, serviceConfig } from '../support/service-events.ts';
import { checkpointItems, eventItems, exportText, foldedText, streamItems } from '../support/story-log.ts';

const port = fc.integer({ min: 80, max: 87 });

type Step = (story: Story) => unknown;

const config = fc.record({
  maxLoss: fc.constantFrom(0, 0.3, 0.5, 1),
  drainTimeout: fc.constantFrom(0, 500, 30_000),
  maxInstances: fc.constantFrom(1, 3, 10_000),
  cidrs: fc.constantFrom(['0.0.0.0/0'], ['10.0.0.0/30'], ['192.168.0.0/16']),
});
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.tuple(port, fc.integer({ min: 0, max: 3 })).map(
      ([at, weight]): Step =>
        (story) =>
          story.register(at, { weight }),
    ),
  },
  // Another name for an address, a second znode of an instance.
  {
    weight: 2,
    arbitrary: port.map(
      (at): Step =>
        (story) =>
          story.register(at, { host: `h${at}`, address: '10.0.0.1' }, `h${at}:${at}`),
    ),
  },
  {
    weight: 1,
    arbitrary: port.map(
      (at): Step =>
        (story) =>
          story.register(at, { labels: { '10': 'a', '9': 'b', 'é"\\': '\n' } }, `twin-${at}`),
    ),
  },
  {
    weight: 5,
    arbitrary: port.map(
      (at): Step =>
        (story) =>
          story.deregister(at),
    ),
  },
  {
    weight: 1,
    arbitrary: port.map(
      (at): Step =>
        (story) =>
          story.deregister(at, `h${at}:${at}`, `h${at}`),
    ),
  },
  {
    weight: 1,
    arbitrary: port.map(
      (at): Step =>
        (story) =>
          story.spoil(at),
    ),
  },
  {
    weight: 2,
    arbitrary: port.map(
      (at): Step =>
        (story) =>
          story.up(at),
    ),
  },
  {
    weight: 2,
    arbitrary: fc.integer({ min: 0, max: 60_000 }).map(
      (ms): Step =>
        (story) =>
          story.pass(ms).ring(),
    ),
  },
  {
    weight: 1,
    arbitrary: config.map(
      ({ maxLoss, drainTimeout, maxInstances, cidrs }): Step =>
        (story) =>
          story.tell({
            type: 'configured',
            config: serviceConfig({
              guard: { maxLoss, window: 10_000, hold: 20_000 },
              drainTimeout,
              maxInstances,
              allow: { cidrs, loopback: true, names: true },
            }),
          }),
    ),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom<Step>(
      (story) => story.tell({ type: 'complete' }),
      (story) => story.tell({ type: 'unconfigured' }),
    ),
  },
);

/** Exported with a checkpoint in the middle and at the end; `from`: what is before it is cut, and a checkpoint stands there. */
function exported(steps: readonly Step[], from: number, middle: number): { story: Story; items: LogItem[] } {
  const story = new Story();
  const items: LogItem[] = [];
  let told = 0;
  let after = '0-0';
  for (const [index, one] of steps.entries()) {
    one(story);
    if (index === from) {
      after = story.logged.at(-1)?.id ?? '0-0';
      items.push(...checkpointItems(story));
      told = story.logged.length;
    } else if (index === middle && index > from) {
      items.push(...eventItems(story, told), ...checkpointItems(story));
      told = story.logged.length;
    }
  }
  items.push(...eventItems(story, told), ...checkpointItems(story));
  return { story, items: streamItems('web', items, after) };
}

it('equals the run', async () => {
  let compared = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { minLength: 5, maxLength: 40 }),
      fc.integer({ min: -1, max: 20 }),
      fc.integer({ min: 0, max: 30 }),
      async (steps, cut, middle) => {
        const from = cut < steps.length - 1 ? cut : -1;
        const { story, items } = exported(steps, from, middle);
        const folding = foldedText(await exportText(items));
        const [done] = folding.done;
        expect(done?.failed).toBeNull();
        expect(done?.result?.differences).toEqual([]);
        expect(done?.result?.compared).toBeGreaterThan(0);
        compared += done?.result?.compared ?? 0;
        if (from < 0) expect(folding.takeTold().flatMap(({ transitions }) => transitions)).toEqual(story.transitions);
      },
    ),
    runs(2_000),
  );
  expect(compared).toBeGreaterThan(0);
}, 120_000);

it('finds a snapshot that is not what the events lead to', async () => {
  const story = new Story();
  for (const at of [80, 81, 82]) story.register(at);
  const items = checkpointItems(story).map((item) =>
    item.kind === 'instance' && item.instance === '10.0.0.1:81' ? { ...item, json: item.json.replace('joining', 'serving') } : item,
  );
  const missing = items.filter((item) => item.kind !== 'instance' || item.instance !== '10.0.0.1:82');
  const [done] = foldedText(await exportText(streamItems('web', [...eventItems(story, 0), ...missing]))).done;
  expect(done?.result?.differing).toBe(2);
  expect(done?.result?.differences.map(({ what, name }) => `${what} ${name}`)).toEqual(['instance 10.0.0.1:81', 'instance 10.0.0.1:82']);
});
