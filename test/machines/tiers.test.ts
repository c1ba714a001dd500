/** Several paths of which only the first that can serve is active (`path: { first: … }`): who takes requests, who stands by, and what the guard makes of losses. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { desiredServer, isUp, visibleState } from '../../machines/projection.ts';
import type { ServiceConfig } from '../../shared/model/service-config.ts';
import type { ServicePath } from '../../shared/model/service-path.ts';
import { withWeightsHere } from '../../shared/plan/weights-here.ts';
import { runs } from '../support/property.ts';
import { desiredBackend } from '../support/samples.ts';
import { Story, serviceConfig } from '../support/service-events.ts';

const PATHS = ['/a', '/b', '/c'];
const ORDER: Partial<ServiceConfig> = { path: { first: PATHS } };

function tiered(changes: Partial<ServiceConfig> = {}): Story {
  return new Story(serviceConfig({ ...ORDER, ...changes }));
}

/** Instances by port; below /a those of 80 to 89, below /b of 90 to 99, below /c from 100 on. */
function znode(port: number): string {
  return `${PATHS[Math.floor(port / 10) - 8]}/10.0.0.1:${port}`;
}

function join(story: Story, ...ports: number[]): Story {
  for (const port of ports) story.register(port, { weight: 7 }, znode(port));
  for (const port of ports) story.up(port);
  return story;
}

function leave(story: Story, ...ports: number[]): Story {
  for (const port of ports) story.deregister(port, znode(port));
  return story;
}

/** Weights by port of those that have a server, `drain` of those that leave: on a proxy that sees up what is up for all. */
function weights(story: Story): Record<string, number | string> {
  const all = [...story.state.instances.values()].filter((one) => one !== null).sort((a, b) => (a.context.id < b.context.id ? -1 : 1));
  const servers = all.map(desiredServer).filter((one) => one !== null);
  const up = new Set(all.filter(isUp).map(({ context }) => context.id));
  const here = withWeightsHere(desiredBackend(servers), ({ instance }) => up.has(instance)).servers.values();
  return Object.fromEntries([...here].map(({ port, admin, weight }) => [String(port), admin === 'ready' ? weight : admin]));
}

const active = (story: Story): string | null => story.state.service.tiers?.active ?? null;

describe('of several paths', () => {
  it('the first with an instance takes requests; the others stand by with weight 0', () => {
    const story = join(tiered(), 90, 80, 91, 100);
    expect(weights(story)).toEqual({ 80: 7, 90: 0, 91: 0, 100: 0 });
    expect(active(story)).toBe('/a');
  });

  it('the next one is active in the very step in which the first has none left', () => {
    const story = leave(join(tiered({ guard: { maxLoss: 1, window: 0, hold: 0 } }), 80, 90, 91, 100), 80);
    expect(weights(story)).toEqual({ 80: 'drain', 90: 7, 91: 7, 100: 0 });
  });

  it('one that comes back takes over with its first good check, and not before', () => {
    const story = leave(join(tiered({ guard: { maxLoss: 1, window: 0, hold: 0 } }), 80, 90), 80);
    story.register(81, { weight: 7 }, znode(81));
    expect(weights(story)).toMatchObject({ 81: 7, 90: 7 });
    story.up(81);
    expect(weights(story)).toMatchObject({ 81: 7, 90: 0 });
  });

  it('a path whose instances are all down, cordoned or of weight 0 does not keep the next one from serving', () => {
    const story = join(tiered(), 80, 90);
    story.down('10.0.0.1:80');
    expect(weights(story)).toEqual({ 80: 7, 90: 7 });
    story.up(80, 'down');
    expect(weights(story)).toEqual({ 80: 7, 90: 0 });
    story.tell({ type: 'cordoned', instance: '10.0.0.1:80', by: 'me', reason: '', until: null });
    expect(weights(story)).toEqual({ 80: 'out', 90: 7 });
    story.tell({ type: 'uncordoned', instance: '10.0.0.1:80' });
    expect(active(story)).toBe('/a');
    story.register(80, { weight: 0 }, znode(80));
    expect(weights(story)).toEqual({ 80: 0, 90: 7 });
  });

  it('an instance that is registered below two of them is below the first', () => {
    const story = join(tiered(), 90);
    story.register(90, { weight: 7 }, '/a/10.0.0.1:90');
    story.register(91, { weight: 7 }, znode(91));
    expect(weights(story)).toEqual({ 90: 7, 91: 0 });
    story.deregister(90, '/a/10.0.0.1:90');
    expect(weights(story)).toEqual({ 90: 7, 91: 7 });
  });

  it('the loss of all of the first is held, however many stand by, and the next is active at once', () => {
    const story = leave(join(tiered(), 80, 81, 90, 91, 92, 93, 94, 95), 80, 81);
    expect([visibleState(story.at(80)), visibleState(story.at(81))]).toEqual(['held', 'held']);
    expect(story.state.service.guard.state).toBe('holding');
    expect(weights(story)).toEqual({ 80: 7, 81: 7, 90: 7, 91: 7, 92: 7, 93: 7, 94: 7, 95: 7 });
    story.register(80, { weight: 7 }, znode(80));
    expect(weights(story)).toMatchObject({ 80: 7, 81: 7, 90: 0 });
  });

  it('the last server that is up stays until one of the next path is', () => {
    const story = join(tiered({ guard: { maxLoss: 1, window: 0, hold: 0 } }), 80);
    story.register(90, { weight: 7 }, znode(90));
    leave(story, 80);
    expect(visibleState(story.at(80))).toBe('held');
    expect(weights(story)).toEqual({ 80: 7, 90: 7 });
    story.up(90);
    expect(weights(story)).toEqual({ 80: 'drain', 90: 7 });
  });

  it('those that are kept of a later path serve until one before them is up', () => {
    const story = leave(join(tiered(), 90, 91), 90, 91);
    story.register(80, { weight: 7 }, znode(80));
    expect(weights(story)).toEqual({ 80: 7, 90: 7, 91: 7 });
    story.up(80);
    expect(weights(story)).toEqual({ 80: 7, 90: 0, 91: 0 });
  });
});

describe('proxies', () => {
  it('are told the weight of each, the place of its path, and who is kept without a registration', () => {
    const story = leave(join(tiered({ guard: { maxLoss: 0, window: 60_000, hold: 60_000 } }), 80, 90, 100), 80);
    const told = [80, 90, 100].map((port) => desiredServer(story.at(port)));
    expect(told.map((one) => [one?.weight, one?.tier, one?.held])).toEqual([
      [7, undefined, true],
      [7, 1, undefined],
      [7, 2, undefined],
    ]);
    story.register(80, { weight: 7 }, znode(80));
    expect(desiredServer(story.at(80))?.held).toBeUndefined();
  });

  it('are told the place of one that an earlier version stored without it, as soon as anything is told of it', () => {
    const story = join(tiered(), 80, 90);
    const { tier: _none, ...context } = story.at(90).context;
    story.state.instances.set('10.0.0.1:90', { ...story.at(90), context });
    story.up(90, 'unknown');
    expect(desiredServer(story.at(90))).toMatchObject({ weight: 7, tier: 1 });
  });
});

describe('another config', () => {
  it('of one path more renames what is there, and puts nobody out', () => {
    const story = new Story(serviceConfig({ path: '/a' }));
    story.register(80, { weight: 7 });
    story.up(80);
    story.tell({ type: 'configured', config: serviceConfig({ path: { first: ['/b', '/a'] } }) });
    expect(Object.keys(story.at(80).context.znodes)).toEqual(['/a/10.0.0.1:80']);
    expect(weights(story)).toEqual({ 80: 7 });
    expect(active(story)).toBe('/a');
    // The znode goes under the name that it has now.
    story.tell({ type: 'deregistered', instance: '10.0.0.1:80', znode: { name: '/a/10.0.0.1:80', czxid: '1', mzxid: '1', version: 0 } });
    expect(visibleState(story.at(80))).toBe('held');
  });

  it('of another order changes who stands by, and of no order nobody does', () => {
    const story = join(tiered(), 80, 90);
    story.tell({ type: 'configured', config: serviceConfig({ path: { first: ['/b', '/a'] } }) });
    expect(weights(story)).toEqual({ 80: 0, 90: 7 });
    story.tell({ type: 'configured', config: serviceConfig({ path: { union: ['/a', '/b'] } }) });
    expect(weights(story)).toEqual({ 80: 7, 90: 7 });
    expect(story.state.service.tiers).toBeUndefined();
  });

  it('that names a path no longer leaves its instances in until one of the others is up', () => {
    const story = join(tiered(), 80);
    story.register(90, { weight: 7 }, znode(90));
    story.tell({ type: 'configured', config: serviceConfig({ path: { first: ['/b', '/c'] } }) });
    expect(weights(story)).toEqual({ 80: 7, 90: 7 });
    story.up(90);
    expect(weights(story)).toEqual({ 80: 0, 90: 7 });
  });
});

describe('a config without an order', () => {
  it.each<[ServicePath]>([['/a'], [{ union: ['/a', '/c'] }]])(
    '(%j) leaves who stood by where it was until it goes, or is registered there',
    (path) => {
      const story = join(tiered({ guard: { maxLoss: 1, window: 0, hold: 0 } }), 80, 90, 91);
      story.tell({ type: 'configured', config: serviceConfig({ path, guard: { maxLoss: 1, window: 0, hold: 0 } }) });
      // The watcher reads the one path that is left under its own names.
      if (path === '/a') story.register(80, { weight: 7 });
      expect(weights(story)).toEqual({ 80: 7, 90: 0, 91: 0 });
      story.down('10.0.0.1:80');
      expect(weights(story)).toEqual({ 80: 7, 90: 7, 91: 7 });
      story.up(80, 'down');
      story.register(91, { weight: 7 }, path === '/a' ? '10.0.0.1:91' : '/a/10.0.0.1:91');
      expect(weights(story)).toEqual({ 80: 7, 90: 0, 91: 7 });
      leave(story, 90, 91);
      expect(weights(story)).toEqual({ 80: 7, 90: 'drain', 91: 7 });
      expect(story.state.service.tiers).toBeUndefined();
      expect(story.at(80).context.path).toBeUndefined();
    },
  );
});

describe('whatever came first', () => {
  it('the same path is active in the end, and the same instances stand by', () => {
    const place = fc.record({ port: fc.integer({ min: 80, max: 109 }), up: fc.boolean() });
    const events = fc.uniqueArray(place, { selector: ({ port }) => port, minLength: 1, maxLength: 12 });
    fc.assert(
      fc.property(
        events.chain((all) => fc.tuple(fc.constant(all), fc.shuffledSubarray(all, { minLength: all.length }))),
        ([one, other]) => {
          const ended = [one, other].map((order) => {
            const story = tiered();
            for (const { port } of order) story.register(port, { weight: 7 }, znode(port));
            for (const { port, up } of order.toReversed()) if (up) story.up(port);
            return { active: active(story), weights: weights(story), paths: story.state.service.tiers?.paths };
          });
          expect(ended[0]).toEqual(ended[1]);
          const first = one.filter(({ up }) => up).concat(one.every(({ up }) => !up) ? one : []);
          expect(ended[0]?.active).toBe(PATHS[Math.min(...first.map(({ port }) => Math.floor(port / 10) - 8))]);
        },
      ),
      runs(300),
    );
  });
});
