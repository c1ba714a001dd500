/** What notices ask for becomes looks: swarms are gathered, the services that are named are bounded, looks at everything keep apart and are never put off. */
import { expect, it } from 'vitest';
import { AskedLooks, GATHER_MS, SERVICES_MAX } from '../../workers/observer/asked-looks.ts';

const LONG_MS = 60_000;
const EVERYTHING = { everything: true, services: [] };

/** Everything has been looked at just now. */
async function begun(): Promise<AskedLooks> {
  const asked = new AskedLooks();
  expect(await asked.next(LONG_MS)).toEqual(EVERYTHING);
  return asked;
}

it('gathers what is named in a swarm into one look, sorted, each once', async () => {
  const asked = await begun();
  const next = asked.next(LONG_MS);
  const at = performance.now();
  for (const service of ['b', 'a', 'b', 'c', 'a']) asked.service(service);
  expect(await next).toEqual({ everything: false, services: ['a', 'b', 'c'] });
  expect(performance.now() - at).toBeGreaterThanOrEqual(GATHER_MS);
});

it('keeps what is named during a look for the next one', async () => {
  const asked = await begun();
  asked.service('a');
  expect(await asked.next(LONG_MS)).toEqual({ everything: false, services: ['a'] });
  asked.service('b');
  expect(await asked.next(LONG_MS)).toEqual({ everything: false, services: ['b'] });
});

it('looks at everything when too many are named, or when nobody asks', async () => {
  const asked = await begun();
  const next = asked.next(LONG_MS);
  for (let at = 0; at <= SERVICES_MAX; at += 1) asked.service(`s${at}`);
  expect(await next).toEqual(EVERYTHING);
  expect(await asked.next(10)).toEqual(EVERYTHING);
});

it('does not let what is named wait for a look at everything that has to keep its distance', async () => {
  const asked = await begun();
  asked.everything();
  asked.service('a');
  expect(await asked.next(LONG_MS)).toEqual({ everything: false, services: ['a'] });
  expect(await asked.next(LONG_MS)).toEqual(EVERYTHING);
});

it('looks at everything in time, however much is named', async () => {
  const asked = await begun();
  const flood = setInterval(() => asked.service('a'), 1);
  try {
    const at = performance.now();
    while (!(await asked.next(100)).everything) expect(performance.now() - at).toBeLessThan(1_000);
    expect(performance.now() - at).toBeGreaterThanOrEqual(90);
  } finally {
    clearInterval(flood);
  }
});

it('looks at everything seldom, however often it is asked to', async () => {
  const asked = await begun();
  const flood = setInterval(() => asked.everything(), 1);
  try {
    let looks = 0;
    const until = performance.now() + 1_000;
    while (performance.now() < until) {
      await asked.next(LONG_MS);
      looks += 1;
    }
    expect(looks).toBeLessThanOrEqual(6);
    expect(looks).toBeGreaterThan(1);
  } finally {
    clearInterval(flood);
  }
});

it('ends its wait when it is to end', async () => {
  const asked = await begun();
  const next = asked.next(LONG_MS);
  asked.end();
  await next;
  await asked.next(LONG_MS);
});
