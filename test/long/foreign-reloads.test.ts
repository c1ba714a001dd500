/** Fifty times somebody else reloads, restarts or crashes HAProxy under steady traffic, with changes on the way: each is recognised and mended in time. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ACTS, type Act, ForeignStory, type Seen } from '../support/foreign-story.ts';
import { summary } from '../support/steady-traffic.ts';

const ROUNDS = Number(process.env.ROUNDS ?? '50');
const RECOGNISED_MS = 5_000;
const IN_SYNC_MS = 10_000;

let story: ForeignStory;
beforeAll(async () => {
  story = await ForeignStory.start();
}, 60_000);
afterAll(() => story.stop());

it(
  `${ROUNDS} times`,
  async ({ annotate }) => {
    const seen = new Map<Act, Seen[]>(ACTS.map((act) => [act, []]));
    for (let round = 0; round < ROUNDS; round += 1) {
      const act = ACTS[round % ACTS.length] as Act;
      await story.change();
      const one = await story.tell(act);
      seen.get(act)?.push(one);
      expect(one.recognisedMs, `round ${round}: ${act.what}`).toBeLessThan(RECOGNISED_MS);
      expect(one.inSyncMs, `round ${round}: ${act.what}`).toBeLessThan(IN_SYNC_MS);
      expect(summary(story.lost), `round ${round}: ${act.what}`).toEqual({});
    }
    await story.endTraffic();
    expect(summary(story.lost)).toEqual({});
    expect(story.strayed, 'requests to the cordoned one').toBe(0);
    const all = [...seen.values()].flat();
    for (const [what, times] of [['all', all], ...[...seen].map(([act, some]) => [act.what, some] as const)] as const) {
      const recognised = figures(times.map(({ recognisedMs }) => recognisedMs));
      const inSync = figures(times.map(({ inSyncMs }) => inSyncMs));
      await annotate(`${what} (n = ${times.length}): recognised ${recognised}, in sync ${inSync}`);
    }
    await annotate(`${story.requests.length} requests, ${story.failed.length} failed, all of them while HAProxy itself was away`);
  },
  ROUNDS * 20_000,
);

function figures(times: readonly number[]): string {
  const sorted = [...times].sort((a, b) => a - b);
  const at = (share: number): number => Math.round(sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN);
  return `median ${at(0.5)} ms, worst ${at(1)} ms`;
}
