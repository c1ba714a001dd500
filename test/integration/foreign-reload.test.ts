/** What somebody else does to HAProxy under steady traffic, and what a reload of our own does: recognised within 5 s, everything as it was, and no request lost that HAProxy does not lose. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { cleanupsAfterEach } from '../support/cleanups.ts';
import { ACTS, ForeignStory, OWN_RELOAD } from '../support/foreign-story.ts';
import { until } from '../support/poll.ts';
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

it('a reload with our file edited by hand: what should be is written and loaded again, and no request is lost', async () => {
  const story = await ForeignStory.start();
  cleanups.push(() => story.stop());
  const { haproxy, app } = story.pipeline;
  await story.reloadWithOtherOptions();
  const edited = await haproxy.workerPid();
  await until('another reload', async () => (await haproxy.workerPid()) !== edited);
  await until('it is as it should be', () => story.isAsItShould());
  const { lastReloadReason, reloadsDone } = await app.ports.proxies.state('edge');
  expect(lastReloadReason).toBe('web: others changed its file');
  expect(await readFile(join(story.pipeline.managed, 'service-web.cfg'), 'utf8')).toContain('balance roundrobin');
  await story.endTraffic();
  expect(summary(story.lost)).toEqual({});
  // A reload by somebody else with files as they should be asks for no other.
  await haproxy.reload();
  await until('it is as it should be', () => story.isAsItShould());
  expect((await app.ports.proxies.state('edge')).reloadsDone).toBe(reloadsDone);
}, 60_000);
