/** One service whose registrations change as fast as somebody can write them does not keep the others waiting, and costs no reload. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type HttpService, startHttpServices } from '../support/http-service.ts';
import { freePort } from '../support/port.ts';
import type { RegistrarSession } from '../support/registrar-session.ts';
import { pathOf, System } from '../support/system.ts';

/** Registrations that come and go all the time, and how many others come meanwhile. */
const NOISY = 20;
const OTHERS = 10;
const SERVES_WITHIN_MS = 5_000;

let system: System;
let http: HttpService[];

beforeAll(async () => {
  const [noisy, calm] = [await freePort(), await freePort()];
  http = await startHttpServices(OTHERS);
  const common = 'check: none, guard: { maxLoss: 1 }, flap: { transitions: 31, window: 1s }, allow: { loopback: true }';
  system = await System.start({
    services: `  noisy: { path: ${pathOf('noisy')}, listen: "127.0.0.1:${noisy}", ${common} }
  calm: { path: ${pathOf('calm')}, listen: "127.0.0.1:${calm}", ${common} }`,
  });
  await system.register('calm', name(0));
  await system.serving('calm', [name(0)]);
  await system.inSync('calm');
}, 60_000);

afterAll(async () => {
  await system.stop();
  await Promise.all(http.map((one) => one.stop()));
});

function name(at: number): string {
  return `127.0.0.1:${http[at]?.port}`;
}

it('whatever one service does, the instances of another come in time', async () => {
  const reloads = await system.haproxy.reloads();
  const loud = await Promise.all(Array.from({ length: 4 }, () => system.session()));
  const stop = new AbortController();
  const made = { count: 0 };
  const noise = loud.map((session, part) => shout(session, part, stop.signal, made));
  try {
    const named = [name(0)];
    for (let at = 1; at < OTHERS; at += 1) {
      await system.register('calm', name(at));
      named.push(name(at));
      await system.serving('calm', named, SERVES_WITHIN_MS);
    }
  } finally {
    stop.abort();
    await Promise.all(noise);
  }
  // It was loud indeed.
  expect(made.count).toBeGreaterThan(100);
  expect(await system.haproxy.reloads()).toBe(reloads);
  await system.inSync('noisy');
});

/** Registrations of one session, changed and made anew without a pause. */
async function shout(session: RegistrarSession, part: number, signal: AbortSignal, made: { count: number }): Promise<void> {
  for (let turn = 0; !signal.aborted; turn += 1) {
    const loud = `127.0.${part + 1}.${turn % NOISY}:8080`;
    await session.register(pathOf('noisy'), loud, { weight: (turn % 9) + 1 });
    await session.say(pathOf('noisy'), loud, { weight: (turn % 7) + 1 });
    await session.deregister(pathOf('noisy'), loud);
    made.count += 3;
  }
}
