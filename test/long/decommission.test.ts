/**
 * A service without a check that is given up for good, under the guard's defaults but a short hold: it is held, let go at the bounded rate (one a minute
 * here), and in the end its last server goes too. About three and a half minutes.
 */
import { describe, expect, it } from 'vitest';
import { startHttpServices } from '../support/http-service.ts';
import { until } from '../support/poll.ts';
import { pathOf, System } from '../support/system.ts';

const SERVICE = 'web';
const HOLD_MS = 3_000;
const RELEASE_MS = 60_000;
const COUNT = 3;

describe('a service without a check that is given up for good', () => {
  it('is held, then let go one by one, the last server included', async ({ annotate }) => {
    const services = `  ${SERVICE}: { path: ${pathOf(SERVICE)}, check: none, allow: { loopback: true }, guard: { hold: ${HOLD_MS}ms } }`;
    const [system, processes] = await Promise.all([System.start({ services }), startHttpServices(COUNT)]);
    try {
      const names = processes.map(({ port }) => `127.0.0.1:${port}`);
      const session = await system.session();
      for (const name of names) await session.register(pathOf(SERVICE), name);
      await system.serving(SERVICE, names);
      await until('the looks to be told', async () => (await system.app.ports.log.verdicts(SERVICE, 'edge')).size === COUNT);
      const began = performance.now();
      await Promise.all([session.close(), ...processes.map((process) => process.stop())]);
      await until('all to be held', async () => (await system.instance(SERVICE, names.at(-1) ?? ''))?.state === 'held');
      const went: number[] = [];
      for (let left = COUNT - 1; left >= 0; left -= 1) {
        await until(`${left} to be left`, async () => (await system.servers(SERVICE)).size <= left, {
          timeoutMs: 2 * RELEASE_MS,
          everyMs: 100,
        });
        went.push(Math.round(performance.now() - began));
      }
      for (const [index, at] of went.entries()) {
        expect(at, `the loss ${index + 1}`).toBeGreaterThan(HOLD_MS + (index + 1) * RELEASE_MS - 1_000);
      }
      await system.inSync(SERVICE);
      await annotate(`servers went after ${went.join(', ')} ms`);
    } finally {
      await Promise.all(processes.map((process) => process.stop()));
      await system.stop();
    }
  });
});
