/** Registrations that ask for no requests: heard, but never so that nobody is left who takes some while somebody is up. */
import { describe, expect, it } from 'vitest';
import { desiredServer } from '../../machines/projection.ts';
import { rotationOf } from '../../machines/rotation.ts';
import type { ServiceConfig } from '../../shared/model/service-config.ts';
import { Story, serviceConfig } from '../support/service-events.ts';

const OPEN = { maxLoss: 1, window: 0, hold: 0 };

function story(config: Partial<ServiceConfig>, weights: readonly number[]): Story {
  const told = new Story(serviceConfig(config));
  for (const [at, weight] of weights.entries()) told.register(80 + at, { weight });
  for (const [at] of weights.entries()) told.up(80 + at);
  return told;
}

/** State and weight of each, in order. */
function shown(told: Story): string {
  return [80, 81, 82]
    .map((port) => told.at(port))
    .filter(({ state }) => state !== 'gone')
    .map((one) => `${one.state} ${desiredServer(one)?.admin} ${desiredServer(one)?.weight}`)
    .join(', ');
}

describe('an instance of weight 0', () => {
  it('is no reason to let the last one go that takes requests', () => {
    const told = story({}, [1, 0]);
    told.deregister(80);
    expect(shown(told)).toBe('held ready 1, serving ready 0');
  });

  it('does not relieve whoever is kept as the last', () => {
    const told = story({ guard: OPEN }, [1]);
    told.deregister(80);
    told.register(81, { weight: 0 });
    told.up(81);
    expect(shown(told)).toBe('held ready 1, serving ready 0');
    told.register(81, { weight: 5 });
    expect(shown(told)).toBe('draining drain 1, serving ready 5');
  });

  it('is no reason to put the last one in quarantine, and is none to be let out for', () => {
    const told = story({ guard: OPEN, flap: { transitions: 1, window: 60_000, quarantine: 60_000 } }, [1, 0]);
    for (let turn = 0; turn < 3; turn += 1) {
      told.down('10.0.0.1:80');
      told.up(80, 'down');
    }
    expect(shown(told)).toBe('serving ready 1, serving ready 0');
  });

  it('is not in rotation, and that is said', () => {
    const told = story({}, [0, 0]);
    told.tell({ type: 'complete' });
    const { left, outage } = rotationOf(told.state.service, [told.at(80), told.at(81)]);
    expect({ left, outage }).toEqual({ left: 0, outage: '2 serving, 2 of them with weight 0' });
  });

  it('that is asked for by its server options counts as such', () => {
    const told = new Story(serviceConfig({ guard: OPEN, server: { maxConn: null, options: ['disabled'] } }));
    told.register(80);
    told.register(81, { options: { disabled: true } });
    told.up(80);
    told.up(81);
    told.deregister(80);
    expect(shown(told)).toBe('held ready 1, serving ready 0');
  });

  it('of an earlier path does not stand before the next one', () => {
    const told = new Story(serviceConfig({ guard: OPEN, path: { first: ['/a', '/b'] } }));
    told.register(80, { weight: 0 }, '/a/10.0.0.1:80');
    told.register(81, {}, '/b/10.0.0.1:81');
    told.up(80);
    told.up(81);
    told.deregister(81, '/b/10.0.0.1:81');
    expect(desiredServer(told.at(81))).toMatchObject({ admin: 'ready', weight: 1 });
  });
});

describe('whoever comes to ask for none', () => {
  it('gets none, but the last keeps what it had until another one takes requests', () => {
    const told = story({}, [3, 4]);
    told.register(80, { weight: 0 });
    expect(shown(told)).toBe('serving ready 0, serving ready 4');
    told.register(81, { weight: 0, out: 'OUT_OF_SERVICE' });
    expect(shown(told)).toBe('serving ready 0, serving ready 4');
    told.register(82, { weight: 2 });
    expect(shown(told)).toBe('serving ready 0, serving ready 4, joining ready 2');
    told.up(82);
    expect(shown(told)).toBe('serving ready 0, serving ready 0, serving ready 2');
  });

  it('keeps it also through a failed check, and is heard when an operator releases it', () => {
    const told = story({}, [3]);
    told.register(80, { weight: 0 });
    told.down('10.0.0.1:80');
    told.up(80, 'down');
    expect(shown(told)).toBe('serving ready 3');
    told.tell({ type: 'released', by: 'me', reason: '' });
    expect(shown(told)).toBe('serving ready 0');
  });

  it('and is lost with many others at once has it back while the guard holds it', () => {
    const told = story({}, [1, 2, 3]);
    for (const port of [80, 81, 82]) told.register(port, { weight: 0 });
    expect(shown(told)).toBe('serving ready 0, serving ready 0, serving ready 3');
    told.pass(3_000);
    for (const port of [80, 81, 82]) told.deregister(port);
    expect(shown(told)).toBe('held ready 1, held ready 2, held ready 3');
    // Who comes back asks for itself again.
    told.register(80, { weight: 5 });
    told.register(81, { weight: 0 });
    expect(shown(told)).toBe('serving ready 5, serving ready 0, held ready 3');
  });

  it('long before it is lost stays without', () => {
    const told = story({}, [1, 2, 3]);
    told.register(80, { weight: 0 });
    told.pass(60_000);
    for (const port of [80, 81, 82]) told.deregister(port);
    expect(shown(told)).toBe('held ready 0, held ready 2, held ready 3');
  });

  it('because the config hears it now does not empty the service either', () => {
    const told = new Story(serviceConfig());
    for (const port of [80, 81]) told.register(port, { options: { disabled: true } });
    for (const port of [80, 81]) told.up(port);
    told.tell({ type: 'configured', config: serviceConfig({ server: { maxConn: null, options: ['disabled'] } }) });
    expect(shown(told)).toBe('serving ready 1, serving ready 0');
  });
});
