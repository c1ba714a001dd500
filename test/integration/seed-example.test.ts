/**
 * The plain case that pointsman is made for: one service, its instances as znodes named by address, HTTP checks every 2 s (in after 2, out
 * after 3), behind the HAProxy of the host. What the example renders means the same as the haproxy.cfg that one would write by hand, and
 * what fails is out of rotation within the time that those numbers promise.
 */
import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { loadConfig } from '../../shared/config/load-config.ts';
import { managedFiles } from '../../shared/haproxy/render-managed.ts';
import type { RenderedServer } from '../../shared/haproxy/render-service.ts';
import { pause } from '../../shared/runtime/wait.ts';
import { cleanupsAfterEach } from '../support/cleanups.ts';
import { tempFolder } from '../support/folder.ts';
import { type HttpService, startHttpServices } from '../support/http-service.ts';
import { until } from '../support/poll.ts';
import { freePort } from '../support/port.ts';
import { SteadyTraffic, summary } from '../support/steady-traffic.ts';
import { isServing, pathOf, System, type SystemOptions } from '../support/system.ts';
import { root } from '../support/tree.ts';

const run = promisify(execFile);
const EXAMPLE = join(root, 'examples/inventory.yaml');
const SERVICE = 'inventory_service';

const cleanups = cleanupsAfterEach();

/** The directives of each section, by `backend inventory_service`; times in ms. */
function sections(text: string): Map<string, string[]> {
  const found = new Map<string, string[]>();
  let lines: string[] = [];
  for (const raw of text.split('\n')) {
    const line = raw.replace(/#.*$/, '').trim();
    if (line === '') continue;
    const header = /^(global|defaults|frontend|backend)\b *(\S*)(?: from (\S+))?$/.exec(line);
    if (header !== null && !/^\s/.test(raw)) {
      // What a section inherits stands before what it says itself.
      lines = [...(found.get(`defaults ${header[3]}`) ?? [])];
      found.set(`${header[1]} ${header[2]}`, lines);
    } else {
      lines.push(line.replace(/\b(\d+)s\b/g, (_, seconds: string) => `${Number(seconds) * 1_000}ms`));
    }
  }
  return found;
}

describe('the example config', () => {
  it('renders every directive of the haproxy.cfg that it stands for, and HAProxy takes it', async () => {
    const folder = await tempFolder();
    cleanups.push(() => folder.remove());
    const { stdout } = await run(process.execPath, [join(root, 'cli/main.ts'), 'render', '--config', EXAMPLE]);
    const whole = join(folder.path, 'rendered.cfg');
    await writeFile(whole, stdout);
    await run('haproxy', ['-c', '-f', whole]);

    const backend = sections(stdout).get(`backend ${SERVICE}`);
    expect(backend).toEqual(
      expect.arrayContaining([
        'mode http',
        'timeout connect 5000ms',
        'timeout client 50000ms',
        'timeout server 50000ms',
        'retries 3',
        expect.stringMatching(/^option redispatch\b/),
        'balance roundrobin',
        'option httpchk GET /health',
        'timeout queue 1000ms',
      ]),
    );
    expect(sections(stdout).get(`frontend ${SERVICE}:in`)).toEqual(
      expect.arrayContaining(['bind 127.0.0.1:3210', 'timeout client 50000ms', `default_backend ${SERVICE}`]),
    );
  });

  it('gives each server the same check', async () => {
    const folder = await tempFolder();
    cleanups.push(() => folder.remove());
    const config = await loadConfig(EXAMPLE);
    const [proxy] = config.proxies;
    if (proxy === undefined) throw new Error('the example has a proxy');
    const servers = ['10.0.0.5', '10.0.0.6'].map((address, index): RenderedServer => {
      const name = `${address}:8080`;
      return { name, id: index + 1, instance: name, address, port: 8080, weight: 1, up: true };
    });
    const services = config.services.map((service) => ({ config: service, servers }));
    const files = managedFiles({ prefix: config.redis.prefix, proxy, services });
    for (const [name, text] of files) await writeFile(join(folder.path, name), text);
    await run('haproxy', ['-c', '-f', folder.path]);
    const lines = sections([...files.values()].join('\n'))
      .get(`backend ${SERVICE}`)
      ?.filter((line) => line.startsWith('server '));
    expect(lines).toHaveLength(2);
    for (const [index, address] of ['10.0.0.5', '10.0.0.6'].entries()) {
      const line = lines?.[index] ?? '';
      expect(line).toContain(`server ${address}:8080 ${address}:8080 check `);
      for (const words of ['inter 2000ms', 'rise 2', 'fall 3']) expect(line).toContain(` ${words} `);
    }
  });
});

/** The numbers of the example; only the wait for an answer is shorter, so that a test can see its end. */
const SERVER_TIMEOUT_MS = 3_000;
const CHECK_TIMEOUT_MS = 1_000;
/**
 * 3 checks x 2 s, and one more interval with its check. Without a server line's `fastinter`, HAProxy 2.6 needs 11.6 s; with it 4.3 to 7.7 s were seen.
 * The rest is HAProxy's: with more than one server to check, a check now and then lasts until min(inter, timeout connect) rather than `timeout check`;
 * with a `timeout connect` of 1 s a hung server was out after 5.0 s at the most.
 */
const OUT_WITHIN_MS = 3 * 2_000 + 2_000 + CHECK_TIMEOUT_MS;
/** A session that ended is news at once. */
const GONE_WITHIN_MS = 1_000;

function serviceText(listen: number, serverTimeout = `${SERVER_TIMEOUT_MS}ms`): string {
  return `  ${SERVICE}:
    path: ${pathOf(SERVICE)}
    listen: "127.0.0.1:${listen}"
    check: { http: GET /health, interval: 2s, rise: 2, fall: 3 }
    timeouts: { queue: 1s, server: ${serverTimeout} }
    allow: { loopback: true }`;
}

async function inventory(options: Partial<SystemOptions> = {}, serverTimeout?: string) {
  const listen = await freePort();
  const system = await System.start({ services: serviceText(listen, serverTimeout), ...options });
  cleanups.push(() => system.stop());
  const [one, two] = (await startHttpServices(2)) as [HttpService, HttpService];
  cleanups.push(() => Promise.all([one.stop(), two.stop()]));
  const sessionOne = await system.register(SERVICE, nameOf(one));
  const sessionTwo = await system.register(SERVICE, nameOf(two));
  await system.serving(SERVICE, [nameOf(one), nameOf(two)]);
  const traffic = (method = 'GET', rate = 100): SteadyTraffic => {
    const started = new SteadyTraffic({ port: listen, method, rate });
    cleanups.push(() => started.stop());
    return started;
  };
  return { system, one, two, sessionOne, sessionTwo, traffic };
}

function nameOf(service: HttpService): string {
  return `127.0.0.1:${service.port}`;
}

describe('two instances of the example behind it', () => {
  it('one that hangs gets no request after three checks; one whose session ends none at once; a dead address none ever', async ({
    annotate,
  }) => {
    const { system, one, two, sessionTwo, traffic } = await inventory();
    const requests = traffic();
    await until('both answer', () => one.requests > 20 && two.requests > 20);

    one.behaviour = 'hang';
    const hung = performance.now();
    await until('HAProxy to see it down', async () => !isServing(must((await system.servers(SERVICE)).get(nameOf(one)))), {
      timeoutMs: 15_000,
    });
    const detected = performance.now();
    await pauseFor(requests, SERVER_TIMEOUT_MS + 500);
    const lastToHung = must(one.lastRequestAt) - hung;
    expect(lastToHung, 'ms from the hang to the last request that reached it').toBeLessThanOrEqual(OUT_WITHIN_MS);
    expect(lastToHung, 'requests did go there at first').toBeGreaterThan(0);
    expect(summary(requests.since(detected).filter((sent) => sent.status !== 200)), 'begun after it was seen down').toEqual({});
    // What had been sent to it already could not be taken back: it ended by `timeout server`.
    expect(requests.failed.length).toBeGreaterThan(0);
    for (const sent of requests.failed) {
      expect(sent.status).toBe(504);
      expect(sent.endedAt - sent.startedAt).toBeGreaterThan(SERVER_TIMEOUT_MS - 100);
      expect(sent.endedAt - sent.startedAt).toBeLessThan(SERVER_TIMEOUT_MS + 1_000);
    }

    one.behaviour = 'ok';
    await system.serving(SERVICE, [nameOf(one), nameOf(two)]);
    const before = performance.now();
    await sessionTwo.close();
    const ended = performance.now();
    await until('it is out of rotation', async () => {
      const server = (await system.servers(SERVICE)).get(nameOf(two));
      return server === undefined || server.admin !== 'ready';
    });
    const outAfter = performance.now() - ended;
    await pauseFor(requests, 1_500);
    const lastToEnded = Math.max(0, must(two.lastRequestAt) - ended);
    expect(outAfter, 'ms from the end of the session to out of rotation').toBeLessThan(GONE_WITHIN_MS);
    expect(lastToEnded, 'ms from the end of the session to the last request that reached it').toBeLessThan(GONE_WITHIN_MS);
    expect(summary(requests.since(before).filter((sent) => sent.status !== 200))).toEqual({});

    const dead = `127.0.0.1:${await freePort()}`;
    const registered = performance.now();
    await system.register(SERVICE, dead);
    await until('the dead address is in HAProxy', async () => (await system.servers(SERVICE)).has(dead));
    await pauseFor(requests, 2_500);
    expect(isServing(must((await system.servers(SERVICE)).get(dead)))).toBe(false);
    expect(summary(requests.since(registered).filter((sent) => sent.status !== 200))).toEqual({});
    await annotate(
      `hung: last request ${Math.round(lastToHung)} ms after the hang, seen down after ${Math.round(detected - hung)} ms; ended session: out after ${Math.round(outAfter)} ms, last request after ${Math.round(lastToEnded)} ms`,
    );
  }, 60_000);
});

describe('requests that were already sent to an instance that hangs', () => {
  const RETRYING = `  defaults: { retryOn: "conn-failure response-timeout" }
  drainTimeout: 2s
  reload: { minInterval: 300ms, jitter: 0 }`;

  it('are tried elsewhere when retryOn has response-timeout and they are safe to repeat; a POST is sent once', async () => {
    const { one, two, traffic } = await inventory({ haproxy: RETRYING }, '500ms');
    one.behaviour = 'hang';
    const reads = traffic('GET', 40);
    await until('some reach it', () => one.requests >= 10, { timeoutMs: 5_000 });
    expect(summary(await reads.stop())).toEqual({ 200: reads.done.length });
    expect(one.requests + two.requests, 'those that it did not answer came to the other one too').toBe(reads.done.length + one.requests);

    const counted = one.requests + two.requests;
    const before = one.requests;
    const writes = traffic('POST', 40);
    await until('some reach it', () => one.requests >= before + 10, { timeoutMs: 5_000 });
    await writes.stop();
    expect(summary(writes.failed)).toEqual({ 504: one.requests - before });
    expect(one.requests + two.requests - counted, 'each was sent once').toBe(writes.done.length);
  }, 60_000);
});

/** Lets the traffic go on for a while. */
async function pauseFor(requests: SteadyTraffic, ms: number): Promise<void> {
  const sent = requests.done.length;
  await pause(ms);
  expect(requests.done.length, 'the traffic went on').toBeGreaterThan(sent);
}

function must<T>(value: T | null | undefined): T {
  if (value === null || value === undefined) throw new Error('it is not there');
  return value;
}
