/** What notices ask for becomes looks: swarms are gathered, the services that are named are bounded, looks at everything keep apart. */
import { expect, it } from 'vitest';
import { AskedLooks, GATHER_MS, SERVICES_MAX } from '../../workers/observer/asked-looks.ts';

const LONG_MS = 60_000;

it('gathers what is named in a swarm into one look, sorted, each once', async () => {
  const asked = new AskedLooks();
  const next = asked.next(LONG_MS);
  const begun = performance.now();
  for (const service of ['b', 'a', 'b', 'c', 'a']) asked.service(service);
  expect(await next).toEqual({ everything: false, services: ['a', 'b', 'c'] });
  expect(performance.now() - begun).toBeGreaterThanOrEqual(GATHER_MS - 1);
});

it('keeps what is named during a look for the next one', async () => {
  const asked = new AskedLooks();
  asked.service('a');
  expect(await asked.next(LONG_MS)).toEqual({ everything: false, services: ['a'] });
  asked.service('b');
  expect(await asked.next(LONG_MS)).toEqual({ everything: false, services: ['b'] });
});

it('looks at everything when too many are named, or when nobody asks', async () => {
  const asked = new AskedLooks();
  const next = asked.next(LONG_MS);
  for (let at = 0; at <= SERVICES_MAX; at += 1) asked.service(`s${at}`);
  expect(await next).toEqual({ everything: true, services: [] });
  expect(await asked.next(10)).toEqual({ everything: true, services: [] });
});

it('looks at everything seldom, however often it is asked to', async () => {
  const asked = new AskedLooks();
  const flood = setInterval(() => asked.everything(), 1);
  try {
    let looks = 0;
    const until = performance.now() + 1_000;
    while (performance.now() < until) {
      await asked.next(LONG_MS);
      looks += 1;
    }
    expect(looks).toBeLessThanOrEqual(7);
    expect(looks).toBeGreaterThan(1);
  } finally {
    clearInterval(flood);
  }
});

it('ends its wait when it is to end', async () => {
  const asked = new AskedLooks();
  const next = asked.next(LONG_MS);
  asked.end();
  await next;
});
