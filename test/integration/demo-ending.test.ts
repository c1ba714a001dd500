/** How a demo ends when it does not end well: called off by a signal, failed, without its programs, or left by its user. Nothing is left each time. */
import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { processesIn, startDemo } from '../support/demo-run.ts';
import { until } from '../support/poll.ts';

const ENDS_WITHIN_MS = 30_000;

describe('a demo', () => {
  it.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)(
    'is called off by %s, and stops what it started',
    { timeout: 90_000 },
    async (signal) => {
      await using demo = await startDemo(['--tour']);
      const folder = await demo.folder();
      expect(processesIn(demo.parent).length).toBeGreaterThan(3);
      demo.process.kill(signal);
      expect(await demo.ended(ENDS_WITHIN_MS)).toBe(1);
      expect(demo.output()).toContain(`called off: ${signal}`);
      expect(processesIn(demo.parent)).toEqual([]);
      expect(existsSync(folder)).toBe(false);
    },
  );

  it('is called off before its servers answer', { timeout: 90_000 }, async () => {
    await using demo = await startDemo(['--tour']);
    await until('its first process', () => processesIn(demo.parent).length > 0);
    demo.process.kill('SIGTERM');
    expect(await demo.ended(ENDS_WITHIN_MS)).toBe(1);
    expect(demo.output()).not.toContain('pricing_service');
    expect(processesIn(demo.parent)).toEqual([]);
    expect((await readdir(demo.parent)).filter((name) => name.startsWith('pointsman-demo-'))).toEqual([]);
  });

  it('ends when nobody reads it any more', { timeout: 90_000 }, async () => {
    await using demo = await startDemo(['--tour'], { pipedInto: 'head -n 3' });
    await until('its first processes', () => processesIn(demo.parent).length > 3, { timeoutMs: 60_000 });
    await demo.ended(ENDS_WITHIN_MS * 2);
    await until('its processes to end', () => processesIn(demo.parent).length === 0);
    expect((await readdir(demo.parent)).filter((name) => name.startsWith('pointsman-demo-'))).toEqual([]);
  });

  it('leaves no process behind when it is killed itself', { timeout: 90_000 }, async () => {
    await using demo = await startDemo(['--tour']);
    await demo.folder();
    expect(processesIn(demo.parent).length).toBeGreaterThan(3);
    demo.process.kill('SIGKILL');
    expect(await demo.ended(ENDS_WITHIN_MS)).toBe(null);
    await until('its processes to end', () => processesIn(demo.parent).length === 0);
  });

  it('fails with the step that did not hold, and keeps its folder', { timeout: 120_000 }, async () => {
    await using demo = await startDemo(['--tour']);
    const folder = await demo.folder();
    const haproxy = Number(/haproxy .* pid (\d+)/.exec(demo.output())?.[1]);
    await until('the first step to hold', () => demo.output().includes('✓ join'), { timeoutMs: 60_000 });
    process.kill(haproxy, 'SIGKILL');
    expect(await demo.ended(60_000)).toBe(1);
    expect(demo.output()).toMatch(/✗ traffic: .*/);
    expect(demo.output()).toMatch(/✗ 1 of 7 steps held in .* s; what did not hold: traffic/);
    expect(demo.output()).toContain(`logs, config and data are kept in ${folder}`);
    expect(await readdir(join(folder, 'logs'))).toContain('pointsman.log');
    expect(processesIn(demo.parent)).toEqual([]);
  });

  it('shows a display at a terminal, and gives the terminal back', { timeout: 120_000 }, async () => {
    await using demo = await startDemo([], { terminal: true });
    await until('the display', () => demo.output().includes('INSTANCE'), { timeoutMs: 60_000 });
    const folder = await demo.folder();
    demo.press('a');
    await until('an added instance to take traffic', () => /znode -> first request \d+/.test(demo.output()), { timeoutMs: 30_000 });
    demo.press('\x1b[Bd');
    await until('a deregistered instance to drain', () => /serving -> draining/.test(demo.output()), { timeoutMs: 30_000 });
    demo.press('q');
    expect(await demo.ended(ENDS_WITHIN_MS)).toBe(0);
    const last = demo.output().slice(-300);
    expect(last.indexOf('\x1b[?25h\x1b[?1049l'), JSON.stringify(last)).toBeGreaterThan(-1);
    expect(last).toMatch(/served \d+ requests, 0 failed/);
    expect(processesIn(demo.parent)).toEqual([]);
    expect(existsSync(folder)).toBe(false);
  });

  it('names what is not installed, with the command that installs it', async () => {
    await using demo = await startDemo(['--tour'], { env: { PATH: '' } });
    expect(await demo.ended(ENDS_WITHIN_MS)).toBe(2);
    expect(demo.output()).toContain('the demo needs what is not installed here: redis-server, java');
    expect(demo.output()).toContain('apt-get install -y --no-install-recommends redis-server default-jre-headless');
  });
});
