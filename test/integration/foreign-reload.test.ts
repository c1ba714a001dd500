/** What somebody else does to HAProxy under steady traffic, and what a reload of our own does: recognised within 5 s, everything as it was, and no request lost that HAProxy does not lose. */
import { expect, it } from 'vitest';
import { cleanupsAfterEach } from '../support/cleanups.ts';
import { ACTS, ForeignStory, OWN_RELOAD } from '../support/foreign-story.ts';
import { summary } from '../support/steady-traffic.ts';

const cleanups = cleanupsAfterEach();
const RECOGNISED_MS = 5_000;

it.each([...ACTS, OWN_RELOAD])(
  '$what',
  async (act) => {
    const story = await ForeignStory.start();
    cleanups.push(() => story.stop());
    await story.change();
    const { recognisedMs } = await story.tell(act);
    expect(recognisedMs).toBeLessThan(RECOGNISED_MS);
    await story.endTraffic();
    expect(summary(story.lost)).toEqual({});
    expect(story.strayed, 'requests to the cordoned one').toBe(0);
  },
  60_000,
);
