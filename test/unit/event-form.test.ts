/** The boundary of events that were read: what the machines cannot reckon with is refused, whoever wrote it. */
import { expect, it } from 'vitest';
import { asServiceEvent } from '../../shared/model/event-form.ts';
import { registration, serviceConfig } from '../support/service-events.ts';

const znode = { name: 'a', czxid: '1', mzxid: '1', version: 0 };
const registered = (changes: object): object => ({
  instance: '10.0.0.1:80',
  znode,
  said: { registration: { ...registration(80), ...changes } },
});

it('takes what the writers write', () => {
  for (const weight of [0, 1, 256]) expect(asServiceEvent('registered', registered({ weight }))).not.toBeNull();
  expect(asServiceEvent('configured', { config: serviceConfig() })).not.toBeNull();
  expect(asServiceEvent('configured', { config: { ...serviceConfig(), flap: undefined, warmUp: undefined } })).not.toBeNull();
});

it.each([
  ...[
    { weight: -1 },
    { weight: 257 },
    { weight: 0.5 },
    { weight: 1e308 },
    { port: 0 },
    { port: 65_536 },
    { port: 80.5 },
    { labels: [] },
  ].map((changes) => ['registered', registered(changes)] as const),
  ...[
    { check: undefined },
    { check: { interval: 1 } },
    { drainTimeout: -1 },
    { drainTimeout: 1e308 },
    { maxInstances: -1 },
    { warmUp: -5 },
    { guard: { maxLoss: 1.5, window: 0, hold: 0 } },
    { guard: { maxLoss: -0.5, window: 0, hold: 0 } },
    { guard: { maxLoss: 0.5, window: -1, hold: 0 } },
    { flap: { transitions: 1, window: -1, quarantine: 1 } },
  ].map((changes) => ['configured', { config: { ...serviceConfig(), ...changes } }] as const),
])('refuses %s %j', (type, data) => {
  expect(asServiceEvent(type, data)).toBeNull();
});
