/**
 * The tour from the outside: spawned as a user would, it tells its whole story on real parts, ends with 0, and leaves nothing behind. It is the
 * one test in which everything of pointsman runs together.
 */
import { existsSync } from 'node:fs';
import { expect, it } from 'vitest';
import { processesIn, startDemo } from '../support/demo-run.ts';
import { until } from '../support/poll.ts';

const TOUR_WITHIN_MS = 90_000;
/** Zookeeper, Redis, HAProxy's master and worker, pointsman, a registrar, five instances. */
const PROCESSES_LEAST = 11;

it('the tour holds, tells its story and leaves nothing', { timeout: 150_000 }, async () => {
  await using demo = await startDemo(['--tour']);
  const folder = await demo.folder();
  const { parent } = demo;
  await until('everything to run', () => processesIn(parent).length >= PROCESSES_LEAST, { timeoutMs: 60_000, everyMs: 200 });

  const code = await demo.ended(TOUR_WITHIN_MS);
  const output = demo.output();
  expect(code, output).toBe(0);
  const story = output.match(/^[✓✗] .*$/gm) ?? [];
  expect(story.map((line) => line.replace(/[\d.]+ s\b/, 'N s'))).toEqual([
    '✓ join: an instance registers (N s)',
    '✓ traffic: requests are spread over the instances (N s)',
    '✓ drain: an instance deregisters, its process lives on (N s)',
    '✓ crash: kill -9 of an instance (N s)',
    '✓ restart: kill -9 of pointsman itself (N s)',
    '✓ mass loss: the registry loses every instance of a service (N s)',
    '✓ config change: a new service in pointsman.yaml (N s)',
    '✓ 7 of 7 steps held in N s',
  ]);
  expect(output).toMatch(/znode -> first request \d+ ms, two good checks included; 0 reloads/);
  expect(output).toMatch(/by one command: set server inventory_service\/127\.0\.0\.1:\d+ state ready/);
  expect(output).toMatch(/2 of 2 znodes gone after .*; held \d+ ms later/);
  expect(output).toContain('one reload, because: orders_service: the backend is not loaded');
  const [, requests, failed] = /steady load: (\d+) requests in .*, (\d+) failed/.exec(output) ?? [];
  expect(Number(requests)).toBeGreaterThan(1_000);
  expect(Number(failed)).toBeLessThanOrEqual(3);

  expect(processesIn(parent)).toEqual([]);
  expect(existsSync(folder)).toBe(false);
});
