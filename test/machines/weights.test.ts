/** What a service makes of registered weights, and of instances that are not near: in the fold, from its config, and live when that changes. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { desiredServer } from '../../machines/projection.ts';
import type { Registration } from '../../shared/model/registration.ts';
import type { ServiceConfig } from '../../shared/model/service-config.ts';
import type { Weights } from '../../shared/model/weights.ts';
import { runs } from '../support/property.ts';
import { registration, Story, serviceConfig } from '../support/service-events.ts';

const AS_IT_IS: Weights = { registered: true, default: 1, scale: 1, max: 256 };
const weights = (changes: Partial<Weights>): Partial<ServiceConfig> => ({ weights: { ...AS_IT_IS, ...changes } });
const NONE: Partial<Registration> = {};
const ONE = { weight: 1, weighed: true } as const;
const FAR = { labels: { zone: 'bergen' } };
const NEAR = { labels: { zone: 'oslo' } };
const PREFER = { prefer: { zone: ['oslo'] } };

function weightOf(config: Partial<ServiceConfig>, said: Partial<Registration>): number | undefined {
  const story = new Story(serviceConfig(config));
  story.register(80, said);
  return desiredServer(story.at(80))?.weight;
}

describe('a registered weight', () => {
  it.each<[string, Partial<ServiceConfig>, Partial<Registration>, number]>([
    ['none', {}, NONE, 1],
    ['none, with a default', weights({ default: 10 }), NONE, 10],
    ['1, with a default', weights({ default: 10 }), ONE, 1],
    ['none, with a default and a scale', weights({ default: 10, scale: 2.5 }), NONE, 25],
    ['scaled', weights({ scale: 2.5 }), { weight: 4 }, 10],
    ['rounded', weights({ scale: 2.5 }), ONE, 3],
    ['never to nothing', weights({ scale: 0.01 }), { weight: 3 }, 1],
    ['never beyond HAProxy', weights({ scale: 256 }), { weight: 256 }, 256],
    ['at most max', weights({ max: 20 }), { weight: 256 }, 20],
    ['0 whatever the scale', weights({ scale: 256, default: 9 }), { weight: 0 }, 0],
    ['not looked at', weights({ registered: false }), { weight: 77 }, 1],
    ['not looked at, with a default', weights({ registered: false, default: 5, scale: 2 }), { weight: 77 }, 10],
    ['0 though it is not looked at', weights({ registered: false, default: 5 }), { weight: 0 }, 0],
    ["a vector's unit", weights({ scale: 0.5, default: 7 }), { weight: 32 }, 16],
    ['near, with a share for others', { ...PREFER, farWeight: 0.1 }, NEAR, 10],
    ['far, with a share', { ...PREFER, farWeight: 0.1 }, FAR, 1],
    ['far, with a small share', { ...PREFER, farWeight: 0.02 }, FAR, 1],
    ['near, beside a small share', { ...PREFER, farWeight: 0.02 }, NEAR, 50],
    ['far, with a share of more', { ...PREFER, farWeight: 0.3 }, { ...FAR, weight: 5 }, 15],
    ['far, where weights have room', { ...PREFER, farWeight: 0.25, ...weights({ default: 100 }) }, FAR, 25],
    ['near, where weights have room', { ...PREFER, farWeight: 0.25, ...weights({ default: 100 }) }, NEAR, 100],
    ['0 and far', { ...PREFER, farWeight: 0.3 }, { ...FAR, weight: 0 }, 0],
  ])('%s', (_what, config, said, weight) => {
    expect(weightOf(config, said)).toBe(weight);
  });

  it('is live when the config changes, and as before when it changes back', () => {
    const story = new Story();
    story.register(80, { weight: 4 });
    const before = structuredClone(story.at(80));
    story.tell({ type: 'configured', config: serviceConfig(weights({ scale: 3 })) });
    expect(desiredServer(story.at(80))?.weight).toBe(12);
    story.tell({ type: 'configured', config: serviceConfig() });
    expect(JSON.stringify(story.at(80))).toBe(JSON.stringify(before));
  });

  it('warms up to what the config makes of it', () => {
    const story = new Story(serviceConfig({ warmUp: 10_000, ...weights({ scale: 2 }) }));
    story.register(80, { weight: 5 });
    expect(desiredServer(story.at(80))?.weight).toBe(10);
    story.up(80);
    for (let step = 0; step < 10; step += 1) story.pass(1_000).ring();
    expect(desiredServer(story.at(80))?.weight).toBe(100);
  });

  it('is 0 only where it is said, whatever the config', () => {
    const config = fc.record({
      weights: fc.option(
        fc.record({
          registered: fc.boolean(),
          default: fc.integer({ min: 1, max: 256 }),
          scale: fc.double({ min: 1e-9, max: 256, noNaN: true }),
          max: fc.integer({ min: 1, max: 256 }),
        }),
        { nil: undefined },
      ),
      farWeight: fc.option(fc.double({ min: 1e-9, max: 1 - 1e-9, noNaN: true }), { nil: undefined }),
      warmUp: fc.constantFrom(null, 1_000),
    });
    fc.assert(
      fc.property(config, fc.integer({ min: 0, max: 256 }), fc.boolean(), ({ weights: by, farWeight, warmUp }, weight, near) => {
        const said = { ...PREFER, warmUp, ...(by && { weights: by }), ...(farWeight && { farWeight }) };
        const got = weightOf(said, { ...(near ? NEAR : FAR), weight }) ?? -1;
        expect(Number.isInteger(got) && got <= 256 && (weight === 0 ? got === 0 : got >= 1)).toBe(true);
      }),
      runs(500),
    );
  });
});

describe('instances that are far', () => {
  it('stand by without a share, and take requests with one; the config says which, live', () => {
    const story = new Story(serviceConfig(PREFER));
    story.register(80, NEAR);
    story.register(81, FAR);
    const shown = (): unknown => [80, 81].map((port) => desiredServer(story.at(port))).map((one) => [one?.weight, one?.backup]);
    expect(shown()).toEqual([
      [1, undefined],
      [1, true],
    ]);
    story.tell({ type: 'configured', config: serviceConfig({ ...PREFER, farWeight: 0.2 }) });
    expect(shown()).toEqual([
      [10, undefined],
      [2, undefined],
    ]);
    story.tell({ type: 'configured', config: serviceConfig(PREFER) });
    expect(shown()).toEqual([
      [1, undefined],
      [1, true],
    ]);
  });

  it('are weighed anew when their labels change', () => {
    const story = new Story(serviceConfig({ ...PREFER, farWeight: 0.2 }));
    const said = registration(80, FAR);
    story.register(80, said);
    expect(desiredServer(story.at(80))?.weight).toBe(2);
    story.register(80, NEAR);
    expect(desiredServer(story.at(80))?.weight).toBe(10);
  });
});
