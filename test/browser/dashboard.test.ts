/**
 * The dashboard as a person sees it, in a headless Chromium, beside a running pointsman. Skipped only where there is no Chromium.
 * With TEST_SCREENSHOTS set to a folder, the pages are kept there as pictures.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createLogger } from '../../shared/observability/logger.ts';
import { App } from '../../workers/app.ts';
import { Pipeline } from '../support/pipeline.ts';
import { until } from '../support/poll.ts';
import { freePort } from '../support/port.ts';
import { serviceConfig } from '../support/samples.ts';

const CHROMIUM = '/usr/bin/chromium';
const ARGUMENTS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

if (!existsSync(CHROMIUM)) process.stderr.write(`test/browser is skipped: there is no ${CHROMIUM}\n`);

describe.skipIf(!existsSync(CHROMIUM))('the dashboard in a browser', () => {
  let pipeline: Pipeline;
  let dashboard: App;
  let browser: Browser;
  let page: Page;
  let url: string;
  /** What the page asked for, and what it complained of. */
  const asked: string[] = [];
  const refused: string[] = [];
  const complaints: string[] = [];

  beforeAll(async () => {
    pipeline = await Pipeline.start();
    await pipeline.configure(serviceConfig({ check: { type: 'none' } }));
    await pipeline.tell('web', pipeline.registered(8080), pipeline.registered(8081));
    await until('web to be in sync', async () => (await pipeline.backendState('web')) === 'in-sync', { timeoutMs: 20_000 });
    const port = await freePort();
    url = `http://127.0.0.1:${port}`;
    const config = { ...pipeline.config(), dashboard: { listen: { host: '127.0.0.1', port } } };
    dashboard = new App(config, ['dashboard'], createLogger({ level: 'silent' }));
    await dashboard.start();
    browser = await chromium.launch({ executablePath: CHROMIUM, args: ARGUMENTS });
    page = await browser.newPage({ viewport: { width: 1400, height: 900 } });
    page.on('request', (request) => asked.push(request.url()));
    page.on('requestfailed', (request) => refused.push(request.url()));
    page.on('pageerror', (error) => complaints.push(error.message));
  }, 90_000);

  afterAll(async () => {
    await browser?.close();
    await dashboard?.stop();
    await pipeline?.stop();
  });

  async function keep(name: string): Promise<void> {
    const folder = process.env['TEST_SCREENSHOTS'];
    if (folder !== undefined) await page.screenshot({ path: join(folder, `${name}.png`), fullPage: true });
  }

  it('lists every queue', async () => {
    await page.goto(`${url}/`);
    await page.getByText('web', { exact: true }).waitFor();
    await keep('start');
    await page.getByText('Queues and jobs').click();
    for (const queue of ['services', 'proxies.edge', 'reloads.edge']) await page.getByText(queue, { exact: true }).first().waitFor();
    await keep('queues');
    expect(page.url()).toBe(`${url}/queues/`);
    expect(await page.title()).toContain('pointsman');
  });

  it('shows a job with its key, its cause and its result, and nothing to press that would change it', async () => {
    await page.goto(`${url}/queues/queue/proxies.edge?status=completed`);
    await page.getByText('reconcile edge').first().waitFor();
    await page.getByText('reconcile edge').first().click();
    // biome-ignore lint/performance/useDomNodeTextContent: a locator's, and what is shown is what counts
    const shown = (): Promise<string> => page.locator('body').innerText();
    await until('the job', async () => /"?why"?/.test(await shown()));
    await keep('job');
    const text = await shown();
    expect(text).toMatch(/"?key"?:? ?"?edge/);
    expect(text).toMatch(/returnValue[\s\S]*outcome[\s\S]*done/);
    for (const verb of ['Clean', 'Retry', 'Promote', 'Obliterate', 'Pause', 'Empty', 'Add job', 'Duplicate']) {
      expect(await page.getByRole('button', { name: verb, exact: false }).count(), verb).toBe(0);
    }
  });

  it('loads nothing from elsewhere, and breaks nothing', () => {
    const foreign = asked.filter((address) => !address.startsWith(url));
    expect(foreign).toEqual([]);
    expect(refused).toEqual([]);
    expect(complaints).toEqual([]);
    expect(asked.length).toBeGreaterThan(5);
  });
});
