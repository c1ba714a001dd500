/** Servers that nobody has heard of: how long they stay is kept in a real Redis, for whoever plans for the proxy; an operator's `release` ends it. */
import { describe, expect, it } from 'vitest';
import type { Ports } from '../../workers/app.ts';
import { KeptStrangers } from '../../workers/reconciler/kept-strangers.ts';
import { foldService } from '../../workers/transition/fold-service.ts';
import { redisPorts } from '../support/redis-ports.ts';
import { desiredBackend, desiredServer, observedBackend, observedServer, serviceConfig } from '../support/samples.ts';
import { serviceConfig as storyConfig } from '../support/service-events.ts';

let ports: Ports;

redisPorts((is) => {
  ports = is.ports;
});

const HOLD = 60_000;
const config = serviceConfig({ guard: { maxLoss: 0.5, window: 10_000, hold: HOLD } });
const unheard = { gone: new Set<string>() };
const all = observedBackend([1, 2, 3, 4].map((id) => observedServer(id)));
/** Three of four are not known; then three are back, and one is left. */
const few = desiredBackend([desiredServer(1)], config, unheard);
const most = desiredBackend(
  [1, 2, 3].map((id) => desiredServer(id)),
  config,
  unheard,
);

describe('servers that nobody has heard of, and that are too many', () => {
  it('stay for hold after they were seen so, also when only few of them are left, whoever asks', async () => {
    const now = Date.now();
    expect(await new KeptStrangers(ports.proxies, 'edge').why(few, all, now, true)).toMatch(/more than maxLoss/);
    const other = new KeptStrangers(ports.proxies, 'edge');
    expect(await other.why(most, all, now + HOLD - 1, false)).toMatch(/too many others a while ago/);
    expect(await other.why(most, all, now + HOLD, false)).toBeNull();
    expect(await new KeptStrangers(ports.proxies, 'inner').why(most, all, now, false)).toBeNull();
  });

  it('are not kept by who only looks', async () => {
    const now = Date.now();
    expect(await new KeptStrangers(ports.proxies, 'edge').why(few, all, now, false)).toMatch(/more than maxLoss/);
    expect(await new KeptStrangers(ports.proxies, 'edge').why(most, all, now, false)).toBeNull();
  });

  it('go once an operator believed the registry, and for no longer than that is about them', async () => {
    const now = Date.now();
    const kept = new KeptStrangers(ports.proxies, 'edge');
    expect(await kept.why(few, all, now, true)).not.toBeNull();
    expect(await kept.why({ ...few, released: now }, all, now + 1, true)).toBeNull();
    expect(await kept.why({ ...few, released: now - HOLD }, all, now, true)).not.toBeNull();
  });
});

describe('what is kept of them', () => {
  const none = desiredBackend(
    [1, 2, 3, 4].map((id) => desiredServer(id)),
    config,
    unheard,
  );
  const kept = async (): Promise<string[]> =>
    Object.keys(await ports.proxies.state('edge')).filter((field) => field.startsWith('strangers'));

  it('goes once there are none, also by who was not there when it was written, and nobody is kept by it later', async () => {
    const now = Date.now();
    expect(await new KeptStrangers(ports.proxies, 'edge').why(few, all, now, true)).not.toBeNull();
    expect(await kept()).toEqual(['strangers web']);
    const later = new KeptStrangers(ports.proxies, 'edge');
    expect(await later.why(none, all, now, false)).toBeNull();
    expect(await kept()).toEqual(['strangers web']);
    expect(await later.why(none, all, now, true)).toBeNull();
    expect(await kept()).toEqual([]);
    expect(await later.why(most, all, now, true)).toBeNull();
    expect(await later.why(few, all, now, true)).not.toBeNull();
    expect(await later.why(none, all, now, true)).toBeNull();
    expect(await kept()).toEqual([]);
  });

  it('stays while one is there that HAProxy sees down: it may be up again', async () => {
    const now = Date.now();
    const edge = new KeptStrangers(ports.proxies, 'edge');
    expect(await edge.why(few, all, now, true)).not.toBeNull();
    const down = observedBackend([1, 2, 3, 4].map((id) => observedServer(id, id === 4 ? { operation: 'stopped' } : {})));
    expect(await edge.why(most, down, now, true)).toBeNull();
    expect(await kept()).toEqual(['strangers web']);
    expect(await edge.why(most, all, now, true)).toMatch(/too many others a while ago/);
  });
});

it('a release is in the desired state, and is news for proxies', async () => {
  await ports.log.appendPlain('web', [{ type: 'configured', config: storyConfig() }, { type: 'complete' }]);
  await foldService(ports, 'web', Date.now());
  expect((await ports.desired.read('web')).backend?.released).toBeNull();
  const before = Date.now();
  await ports.log.appendPlain('web', [{ type: 'released', by: 'ann', reason: 'they are gone' }]);
  expect(await foldedNews()).toBeGreaterThanOrEqual(before);
  expect(isNews).toBe(true);
  const released = (await ports.desired.read('web')).backend?.released;
  expect(released).toBeGreaterThanOrEqual(before);
  // What comes later does not take it back; a snapshot does not hold it, as those of earlier versions do not.
  await ports.log.appendPlain('web', [{ type: 'backwards', seen: '2', found: '1' }]);
  expect(await foldedNews()).toBe(released);
  expect((await ports.desired.read('web')).backend?.released).toBe(released);
  expect((await ports.store.head('web')).service).not.toContain('"released"');
});

let isNews = false;

/** What is handed over to proxies of one more fold. */
async function foldedNews(): Promise<number | null | undefined> {
  let released: number | null | undefined;
  await foldService(ports, 'web', Date.now(), [], async ({ desiredChanged }, sent) => {
    if (sent !== null) released = ports.desired.advance('web', sent.commit, sent.committed)?.released;
    isNews = desiredChanged;
  });
  return released;
}
