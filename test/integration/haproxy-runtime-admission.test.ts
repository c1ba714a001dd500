/** On a real HAProxy: a server takes no request before a good check, whichever way it comes in, and leaves without losing one. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { capabilitiesOf } from '../../shared/haproxy/capabilities.ts';
import { encode } from '../../shared/haproxy/encode.ts';
import type { DesiredServer } from '../../shared/model/desired.ts';
import type { Command } from '../../shared/plan/command.ts';
import { HTTP_DEFAULTS, TestHaproxy } from '../support/haproxy.ts';
import { versionOf } from '../support/haproxy-versions.ts';
import { HttpLoad } from '../support/http-load.ts';
import { type HttpService, startHttpServices } from '../support/http-service.ts';
import { until } from '../support/poll.ts';
import { freePort } from '../support/port.ts';
import { RuntimePasses, servers } from '../support/runtime-pass.ts';
import { desiredBackend, HAPROXY_2_6, httpCheck, serviceConfig } from '../support/samples.ts';

const CONFIG = serviceConfig({ check: httpCheck(1_000) });

/** What a server is let in by on this HAProxy, and what is planned for one that got the first line only, the first two, and so on to the last but one. */
const OWN = capabilitiesOf(`${versionOf('haproxy')}.0`);
const RECIPES = [
  { name: 'the recipe of 2.6', can: HAPROXY_2_6, planned: ['admit', 'admit', 'admit', 'ready'] },
  ...(OWN.initState ? [{ name: 'init-state', can: OWN, planned: ['admit', 'admit'] }] : []),
];

let haproxy: TestHaproxy;
let services: HttpService[];
let port: number;
let passes: RuntimePasses;

beforeEach(async () => {
  port = await freePort();
  services = await startHttpServices(3);
  haproxy = await TestHaproxy.start({
    sections: `${HTTP_DEFAULTS}
frontend web:in
  bind 127.0.0.1:${port}
  default_backend web
backend web
  balance roundrobin
  option httpchk GET /health
  retries 0
`,
  });
  passes = new RuntimePasses(haproxy);
});

afterEach(async () => {
  await haproxy.stop();
  await Promise.all(services.map((service) => service.stop()));
});

function at(id: number, servicePort: number, overrides: Partial<DesiredServer> = {}): DesiredServer {
  const name = `127.0.0.1:${servicePort}`;
  return { instance: name, name, id, address: '127.0.0.1', port: servicePort, weight: 1, admin: 'ready', ...overrides };
}

function add(server: DesiredServer): Command {
  const { name, id, address, weight } = server;
  return { kind: 'add', backend: 'web', server: name, id, address, port: server.port, weight, config: CONFIG };
}

const up = (names: readonly string[]) =>
  until(`${names.join(', ')} to be up`, async () => {
    const seen = await servers(haproxy);
    return names.every((name) => seen.get(name)?.operation === 'running' && seen.get(name)?.admin === 'ready');
  });

describe('admission', () => {
  it('a dead, a failing and a hung address get no request; a live one is up in less than 1.5 s', async () => {
    const [first, live, failing] = services as [HttpService, HttpService, HttpService];
    await passes.converge(desiredBackend([at(1, first.port)], CONFIG));
    await up([`127.0.0.1:${first.port}`]);
    failing.behaviour = 'fail';
    const [hung] = await startHttpServices(1);
    if (hung === undefined) throw new Error('no service');
    hung.behaviour = 'hang';
    const load = new HttpLoad({ port, clients: 4, everyMs: 2 });
    try {
      const dead = await freePort();
      const all = [at(1, first.port), at(2, dead), at(3, failing.port), at(4, hung.port), at(5, live.port)];
      const begun = performance.now();
      const { applied } = await passes.pass(desiredBackend(all, CONFIG));
      expect(applied.results.map(({ outcome }) => outcome)).toEqual(['done', 'done', 'done', 'done']);
      let requestsAtFirstCheck: number | null = null;
      await until('the live one to be up', async () => {
        if (live.healthChecks < 2) requestsAtFirstCheck = live.requests;
        return (await servers(haproxy)).get(`127.0.0.1:${live.port}`)?.operation === 'running';
      });
      expect(performance.now() - begun).toBeLessThan(1_500);
      expect(requestsAtFirstCheck).toBe(0);
      await until('requests to reach it', () => live.requests > 50);
      await until('checks of the others', () => failing.healthChecks >= 3 && hung.healthChecks >= 3);
      expect([failing.requests, hung.requests]).toEqual([0, 0]);
      expect(load.failed).toBe(0);
      expect((await passes.plan(desiredBackend(all, CONFIG))).commands).toEqual([]);
    } finally {
      await load.stop();
      await hung.stop();
    }
  });

  it.each(RECIPES)('whichever line of $name was the last one sent, the next pass finishes the server safely', async ({ can, planned }) => {
    const [first, second] = services as [HttpService, HttpService, HttpService];
    await passes.converge(desiredBackend([at(99, first.port)], CONFIG));
    await up([`127.0.0.1:${first.port}`]);
    const lines = encode(add(at(1, second.port)), can);
    const load = new HttpLoad({ port, clients: 4, everyMs: 2 });
    try {
      const live: DesiredServer[] = [];
      const dead: DesiredServer[] = [];
      for (let sent = 1; sent <= lines.length; sent += 1) {
        live.push(at(sent, second.port, { name: `live-${sent}` }));
        dead.push(at(sent + 10, await freePort(), { name: `dead-${sent}` }));
        for (const server of [live.at(-1), dead.at(-1)]) {
          if (server !== undefined) await haproxy.cli(...encode(add(server), can).slice(0, sent));
        }
      }
      const desired = desiredBackend([at(99, first.port), ...live, ...dead], CONFIG);
      const { plan } = await passes.pass(desired);
      const expected = ['dead', 'live'].flatMap((name) => planned.map((kind, index) => `${kind} ${name}-${index + 1}`));
      expect(plan.commands.map(({ command }) => `${command.kind} ${command.server}`)).toEqual(expected);
      await up(live.map(({ name }) => name));
      const seen = await servers(haproxy);
      for (const { name } of dead) expect(seen.get(name), name).toMatchObject({ admin: 'ready', operation: 'stopped', check: 'failed' });
      expect(load.failed).toBe(0);
      expect((await passes.plan(desired)).commands).toEqual([]);
    } finally {
      await load.stop();
    }
  });

  it('a server in maint comes back by the recipe, and not before a good check', async () => {
    const [first, second] = services as [HttpService, HttpService, HttpService];
    const desired = desiredBackend([at(1, first.port), at(2, second.port)], CONFIG);
    await passes.converge(desired);
    const name = `127.0.0.1:${second.port}`;
    await up([name, `127.0.0.1:${first.port}`]);
    await passes.apply([{ kind: 'maint', backend: 'web', server: name }]);
    second.behaviour = 'fail';
    const before = second.requests;
    const load = new HttpLoad({ port, clients: 4, everyMs: 2 });
    try {
      const { plan } = await passes.pass(desired);
      expect(plan.commands.map(({ command }) => command.kind)).toEqual(['admit']);
      const checks = second.healthChecks;
      await until('checks to find it failing', () => second.healthChecks > checks + 2);
      expect(second.requests).toBe(before);
      second.behaviour = 'ok';
      await up([name]);
      await until('requests to reach it', () => second.requests > before + 10);
      expect(load.failed).toBe(0);
    } finally {
      await load.stop();
    }
  });
});

describe('leaving', () => {
  it('drain, and back again by one command, without a lost request', async () => {
    const [first, second] = services as [HttpService, HttpService, HttpService];
    const both = [at(1, first.port), at(2, second.port)];
    await passes.converge(desiredBackend(both, CONFIG));
    const name = `127.0.0.1:${second.port}`;
    await up([name, `127.0.0.1:${first.port}`]);
    second.delayMs = 400;
    const load = new HttpLoad({ port, clients: 4, everyMs: 5 });
    try {
      await until('a request in flight', () => second.inFlight > 0);
      const draining = desiredBackend([at(1, first.port), at(2, second.port, { admin: 'drain' })], CONFIG);
      const { plan } = await passes.pass(draining);
      expect(plan.commands.map(({ command }) => command)).toEqual([{ kind: 'drain', backend: 'web', server: name }]);
      const waiting = await passes.plan(draining);
      expect(waiting.commands).toEqual([]);
      expect(waiting.waiting[0]?.reason).toMatch(/^draining, \d+ sessions? left$/);
      const back = await passes.pass(desiredBackend(both, CONFIG));
      expect(back.plan.commands.map(({ command }) => command)).toEqual([{ kind: 'ready', backend: 'web', server: name }]);
      expect((await servers(haproxy)).get(name)).toMatchObject({ admin: 'ready', operation: 'running' });
      const served = second.requests;
      await until('requests to reach it again', () => second.requests > served + 2);
      expect(load.failed).toBe(0);
    } finally {
      await load.stop();
    }
  });

  it('is deleted when its sessions have ended, and adds do not wait for that', async () => {
    const [first, second, third] = services as [HttpService, HttpService, HttpService];
    await passes.converge(desiredBackend([at(1, first.port), at(2, second.port)], CONFIG));
    await up([`127.0.0.1:${first.port}`, `127.0.0.1:${second.port}`]);
    second.delayMs = 700;
    const load = new HttpLoad({ port, clients: 4, everyMs: 5 });
    try {
      await until('a request in flight', () => second.inFlight > 0);
      const desired = desiredBackend([at(1, first.port), at(2, second.port, { admin: 'drain' }), at(3, third.port)], CONFIG);
      await passes.pass(desired);
      await up([`127.0.0.1:${third.port}`]);
      await passes.converge(desired, 15_000);
      expect((await servers(haproxy)).has(`127.0.0.1:${second.port}`)).toBe(false);
      expect(load.failed).toBe(0);
    } finally {
      await load.stop();
    }
  });
});

describe('connections to servers', () => {
  it('are pooled for a server that was added at runtime', async () => {
    const [first] = services as [HttpService, HttpService, HttpService];
    await passes.converge(desiredBackend([at(1, first.port)], CONFIG));
    await up([`127.0.0.1:${first.port}`]);
    const checks = first.healthChecks;
    const connections = first.connections;
    const load = new HttpLoad({ port, clients: 8, everyMs: 1 });
    try {
      await until('1,000 requests', () => first.requests >= 1_000);
    } finally {
      await load.stop();
    }
    expect(load.failed).toBe(0);
    // A check has a connection of its own each time.
    expect(first.connections - connections - (first.healthChecks - checks)).toBeLessThan(50);
  });
});
