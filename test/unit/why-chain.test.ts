/** Which commands belong to which event of an instance, and what is told of each. */
import { expect, it } from 'vitest';
import type { WhyReport } from '../../cli/why/report.ts';
import { of, WhyStory } from '../support/why-story.ts';

const add = `add server web/${of(80)} 10.0.0.1 port 80 id 1 weight 1`;
const drain = `set server web/${of(80)} state drain`;
const del = `del server web/${of(80)}`;

/** Per link: how it ended, and what was done. */
function chain(report: WhyReport): (string | null)[][] {
  return report.chain.map(({ to, actions }) => [to, ...actions.map(({ kind, text }) => (kind === 'command' ? text : kind))]);
}

/** Another one that is up, so that none is the last. */
function other(story: WhyStory): void {
  story.register(89);
  story.check(89, 'up');
}

function guardless(): WhyStory {
  return new WhyStory({ guard: { maxLoss: 1, window: 10_000, hold: 300_000 } });
}

it('a command belongs to the event that its look was the first to know of, and later looks to the last one', () => {
  const story = guardless();
  other(story);
  story.look(story.pass(10).register(80), [add]);
  story.pass(1_000).check(80, 'up');
  const left = story.pass(1_000).deregister(80);
  story.pass(5).look(left, [drain], { outcome: 'busy' });
  story.pass(1_000).look(left, [del]);
  expect(chain(story.why(80))).toEqual([['joining', add, 'in-sync'], ['serving'], ['draining', drain, del, 'in-sync']]);
  const [, , last] = story.why(80).chain;
  expect(last).toMatchObject({
    from: 'serving',
    event: { id: left, type: 'deregistered', text: `znode /services/web/instances/${of(80)} went (czxid 80)` },
    text: 'serving -> draining: its registration ended; sessions may finish',
    actions: [{ proxy: 'edge', at: story.now - 1_000, reason: 'because', outcome: 'busy', reply: 'said', ms: 0.5 }, {}, {}],
  });
  expect(last?.until).toBe(story.now - 1_005 + 30_000);
});

it('says of an instance that drains when its server is deleted already, and of a repair that somebody changed it outside', () => {
  const story = guardless();
  other(story);
  const came = story.pass(10).register(80);
  story.look(came, [add]);
  story.pass(1_000).check(80, 'up');
  story.pass(1_000).look(came, [`set server web/${of(80)} state ready`]);
  const repair = story
    .why(80)
    .chain.flatMap(({ actions }) => actions)
    .findLast(({ kind }) => kind === 'command');
  expect(repair?.reason).toBe('because; somebody changed it outside pointsman');
  const left = story.pass(1_000).deregister(80);
  story.look(left, [drain]);
  expect(story.why(80).reasons[0]).toMatchObject({ code: 'draining', text: 'its registration ended; sessions may finish' });
  story.pass(100).look(left, [del]);
  expect(story.why(80).reasons[0]).toMatchObject({ code: 'draining', text: expect.stringContaining('its server is deleted'), until: null });
  const reasons = story.why(80).chain.flatMap(({ actions }) => actions.map(({ reason }) => reason));
  expect(reasons.filter((reason) => reason?.includes('outside'))).toHaveLength(1);
});

it('is not misled by the clock: a look that began with less than the log had by then has its commands before', () => {
  const story = guardless();
  const came = story.pass(10).register(80);
  story.pass(10).deregister(80);
  // The look that adds it is late: it knew of the registration only.
  story.pass(10).look(came, [add]);
  expect(chain(story.why(80))).toEqual([['joining', add, 'in-sync'], ['draining']]);
});

it('gives one look for several events to the first that asked proxies for something', () => {
  const story = guardless();
  story.look(story.pass(10).register(80), [add]);
  story.pass(10).check(80, 'up');
  story.check(80, 'down', 'edge', 'up');
  story.look(story.pass(10).deregister(80), [drain]);
  expect(chain(story.why(80))).toEqual([['joining', add, 'in-sync'], ['serving'], ['failing'], ['draining', drain, 'in-sync']]);
});

it('does not give what an earlier look knew of already the commands of a later one, though nothing was in place yet', () => {
  const story = guardless();
  story.look(story.pass(10).register(80), [add], { outcome: 'refused' });
  story.look(story.pass(10).deregister(80), [drain]);
  expect(chain(story.why(80))).toEqual([
    ['joining', add, 'in-sync'],
    ['draining', drain, 'in-sync'],
  ]);
});

it('goes by time where an earlier version did not record what a look knew of', () => {
  const story = guardless();
  story.pass(10).register(80);
  story.pass(1).look(null, [add]);
  story.pass(10).deregister(80);
  story.pass(1).look(null, [drain]);
  expect(chain(story.why(80))).toEqual([
    ['joining', add, 'in-sync'],
    ['draining', drain, 'in-sync'],
  ]);
});

it('leaves out the commands of other servers, also of one whose name begins alike', () => {
  const story = guardless();
  const other = `add server web/${of(8080)} 10.0.0.1 port 8080 id 2 weight 1`;
  story.pass(10).register(8080);
  story.look(story.register(80), [other, add]);
  expect(chain(story.why(80))).toEqual([['joining', add, 'in-sync']]);
});

it('tells of a command without an answer, of what stood in the way, and of each proxy', () => {
  const story = guardless();
  const came = story.pass(10).register(80);
  story.record({ type: 'patching', service: 'web', revision: 1, cursor: came, commands: [{ command: add, reason: 'because' }] });
  story.pass(5).record({ type: 'unreachable', service: 'web', detail: 'connection refused', nextTry: story.now + 500 });
  story.look(came, [add], { proxy: 'other' });
  const report = story.why(80, {}, [{ proxy: 'edge' }, { proxy: 'other' }]);
  expect(report.chain[0]?.actions.map(({ proxy, kind, outcome }) => [proxy, kind, outcome])).toEqual([
    ['edge', 'command', null],
    ['edge', 'unreachable', null],
    ['other', 'command', 'done'],
    ['other', 'in-sync', null],
  ]);
});

it('keeps the last events of a long story, and counts the others', () => {
  const story = guardless();
  story.register(80);
  for (let turn = 0; turn < 30; turn += 1) story.pass(10).tell({ type: 'changed', ...told(turn) });
  const { chain: links, earlier } = story.why(80);
  expect([links.length, earlier]).toEqual([20, 11]);
  expect(links.at(-1)?.text).toBe('joining: weight 30 -> 31');
});

it('of a whole service tells the latest changes', () => {
  const story = guardless();
  for (const port of [80, 81]) story.pass(10).register(port);
  story.pass(10).deregister(80);
  expect(story.why(null).chain.map(({ instance, to }) => [instance, to])).toEqual([
    [of(80), 'joining'],
    [of(81), 'joining'],
    [of(80), 'draining'],
  ]);
});

function told(turn: number) {
  const znode = { name: of(80), czxid: '80', mzxid: String(100 + turn), version: turn };
  const registration = { host: '10.0.0.1', address: '10.0.0.1', port: 80, weight: turn + 2, labels: {} };
  return { instance: of(80), znode, said: { registration } } as const;
}
