/** Every kind of command on a real HAProxy, its outcomes, and what one that fails does to the others: nothing. */
import { get } from 'node:http';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { applyCommands } from '../../shared/haproxy/apply.ts';
import { encode } from '../../shared/haproxy/encode.ts';
import { identify, observeProxy } from '../../shared/haproxy/observe.ts';
import { withRuntime } from '../../shared/haproxy/runtime.ts';
import type { Command, Outcome } from '../../shared/plan/command.ts';
import { HTTP_DEFAULTS, TestHaproxy } from '../support/haproxy.ts';
import { HttpService } from '../support/http-service.ts';
import { until } from '../support/poll.ts';
import { freePort } from '../support/port.ts';
import { RuntimePasses, servers } from '../support/runtime-pass.ts';
import { HAPROXY_2_6, HTTP_CHECK } from '../support/samples.ts';

let haproxy: TestHaproxy;
let service: HttpService;
let passes: RuntimePasses;
let port: number;
const NO_CHECK = { check: { type: 'none' }, server: { maxConn: null } } as const;
const CHECKED = { check: HTTP_CHECK, server: { maxConn: 10 } } as const;

beforeAll(async () => {
  port = await freePort();
  service = await HttpService.start();
  haproxy = await TestHaproxy.start({
    sections: `${HTTP_DEFAULTS}
frontend web:in
  bind 127.0.0.1:${port}
  default_backend web
backend web
  balance roundrobin
  option httpchk GET /health
backend fixed
  balance static-rr
backend canary
  balance roundrobin
  server canary 127.0.0.1:${service.port} id 1 weight 100
`,
  });
  passes = new RuntimePasses(haproxy);
});

afterAll(async () => {
  await haproxy.stop();
  await service.stop();
});

function add(
  server: string,
  id: number,
  backend = 'web',
  config: Command & { kind: 'add' } extends { config: infer C } ? C : never = NO_CHECK,
): Command {
  return { kind: 'add', backend, server, id, address: '127.0.0.1', port: service.port, weight: 1, config };
}

describe('outcomes', () => {
  it('are what HAProxy really answers', async () => {
    const at = { backend: 'web', server: 'a:1' } as const;
    const nobody = { backend: 'web', server: 'nobody' } as const;
    const steps: readonly (readonly [Command, Outcome, RegExp])[] = [
      [add('a:1', 7, 'web', CHECKED), 'done', /New server registered/],
      [add('a:1', 8), 'already', /Already exists/],
      [add('b:1', 7), 'refused', /custom id 7 already used/],
      [add('a:1', 7, 'nowhere'), 'gone', /No such backend/],
      [add('a:1', 7, 'fixed'), 'refused', /dynamic load balancing/],
      [add('plain', 9), 'done', /New server registered/],
      [{ kind: 'weight', ...at, weight: 256 }, 'done', /^$/],
      [{ kind: 'drain', ...at }, 'done', /^$/],
      [{ kind: 'delete', ...at }, 'refused', /Only servers in maintenance mode/],
      [{ kind: 'ready', ...at }, 'done', /^$/],
      [{ kind: 'enable-health', ...at }, 'done', /^$/],
      [{ kind: 'enable-health', backend: 'web', server: 'plain' }, 'refused', /not configured/],
      [{ kind: 'admit', ...at, checked: true }, 'done', /^$/],
      [{ kind: 'admit', backend: 'web', server: 'plain', checked: false }, 'done', /^$/],
      [{ kind: 'shutdown-sessions', ...at }, 'done', /^$/],
      [{ kind: 'maint', ...at }, 'done', /^$/],
      [{ kind: 'delete', ...at }, 'done', /Server deleted/],
      [{ kind: 'delete', ...at }, 'gone', /No such server/],
      [{ kind: 'ready', ...nobody }, 'gone', /No such server/],
      [{ kind: 'weight', ...nobody, weight: 1 }, 'gone', /No such server/],
      [{ kind: 'address', ...nobody, address: '127.0.0.1', port: 1 }, 'gone', /No such server/],
      [{ kind: 'shutdown-sessions', ...nobody }, 'gone', /No such server/],
      [{ kind: 'admit', ...nobody, checked: true }, 'gone', /No such server/],
      [{ kind: 'drain', backend: 'nowhere', server: 'x' }, 'gone', /No such backend/],
    ];
    const { results, failed } = await passes.apply(steps.map(([command]) => command));
    expect(failed).toBeNull();
    expect(results).toHaveLength(steps.length);
    for (const [index, [command, outcome, reply]] of steps.entries()) {
      const result = results[index];
      expect(result?.outcome, `${index}: ${JSON.stringify(command)}: ${result?.reply}`).toBe(outcome);
      expect(result?.reply).toMatch(reply);
    }
    expect((await servers(haproxy)).get('plain')).toMatchObject({ admin: 'ready', operation: 'running', weight: 1, id: 9, check: 'none' });
  });

  it('of a new address: from 3.0 on HAProxy answers first, and has it a moment later', async () => {
    await passes.apply([add('moves', 11)]);
    const to = async (address: string, port: number): Promise<readonly [Outcome | undefined, string]> => {
      const { results, failed } = await passes.apply([{ kind: 'address', backend: 'web', server: 'moves', address, port }]);
      expect(failed).toBeNull();
      await until('the address', async () => {
        const seen = (await servers(haproxy)).get('moves');
        return seen?.address === address && seen.port === port;
      });
      return [results[0]?.outcome, results[0]?.reply ?? ''];
    };
    expect(await to('127.0.0.2', 81)).toEqual(['done', expect.stringMatching(/IP changed from .* port changed/)]);
    expect(await to('127.0.0.2', 81)).toEqual(['already', expect.stringMatching(/no need to change|nothing changed/)]);
    expect(await to('127.0.0.2', 82)).toEqual(['done', expect.stringMatching(/port changed/)]);
    expect(await to('::1', 82)).toEqual(['done', expect.stringMatching(/IP changed from/)]);
    await passes.apply([
      { kind: 'maint', backend: 'web', server: 'moves' },
      { kind: 'delete', backend: 'web', server: 'moves' },
    ]);
  });

  it('a server with a session is busy until the session ends or is cut', async () => {
    const busy = { backend: 'web', server: 'busy' } as const;
    await passes.apply([{ kind: 'maint', backend: 'web', server: 'plain' }, add('busy', 20)]);
    service.delayMs = 60_000;
    const client = get({ host: '127.0.0.1', port });
    const answered = new Promise<string>((resolve) => {
      client.once('response', (response) => resolve(String(response.statusCode)));
      client.once('error', (error) => resolve(error.message));
    });
    await until('the request to arrive', () => service.inFlight > 0);
    const first = await passes.apply([{ kind: 'maint', ...busy }, { kind: 'delete', ...busy }, add('needed', 21)]);
    expect(first.results.map(({ outcome }) => outcome)).toEqual(['done', 'busy', 'done']);
    await passes.apply([{ kind: 'shutdown-sessions', ...busy }]);
    await until('the delete', async () => (await passes.apply([{ kind: 'delete', ...busy }])).results[0]?.outcome === 'done');
    // From 3.0 on the connection just ends.
    expect(await answered).toMatch(/^502$|hang up/);
    service.delayMs = 0;
  });
});

describe('application', () => {
  it('sends nothing more once the claim is lost or the work is called off, between batches', async () => {
    const commands = Array.from({ length: 700 }, (_, index) => ({ command: add(`many-${index}`, 1_000 + index), reason: 'test' }));
    const outcome = await withRuntime(haproxy.runtime, async (connection) => {
      const { identity: expected, capabilities } = await observeProxy(connection);
      let asked = 0;
      return applyCommands(connection, commands, { expected, capabilities, stillClaimed: () => ++asked === 1 });
    });
    // Two lines each, 500 lines a batch.
    expect(outcome.results).toHaveLength(250);
    expect(outcome.failed?.code).toBe('CLAIM_LOST');
    const there = [...(await servers(haproxy)).keys()].filter((name) => name.startsWith('many-'));
    expect(there).toHaveLength(250);
    const called = await withRuntime(haproxy.runtime, async (connection) => {
      const { identity: expected, capabilities } = await observeProxy(connection);
      const signal = AbortSignal.abort();
      return applyCommands(connection, commands, { expected, capabilities, stillClaimed: () => true, signal });
    });
    expect(called).toMatchObject({ results: [], failed: { code: 'CLAIM_LOST' } });
  });

  it('is refused by a connection that stayed with the old worker, before the first command', async () => {
    const connection = await haproxy.connect();
    try {
      const { identity: expected, capabilities } = await observeProxy(connection);
      await haproxy.reload();
      const commands = [{ command: add('late', 500), reason: 'test' }];
      const options = { expected, capabilities, stillClaimed: () => true };
      const outcome = await applyCommands(connection, commands, options);
      expect(outcome.results).toEqual([]);
      expect(outcome.failed?.code).toBe('HAPROXY_NOT_LIVING_WORKER');
      expect((await identify(connection)).stopping).toBe(true);
      const fresh = await withRuntime(haproxy.runtime, (other) => applyCommands(other, commands, options));
      expect(fresh.failed?.code).toBe('HAPROXY_NOT_LIVING_WORKER');
      expect((await servers(haproxy)).has('late')).toBe(false);
    } finally {
      connection.close();
    }
  });

  it('a reload while commands are sent is told at the end', async () => {
    const connection = await haproxy.connect();
    try {
      const { identity: expected, capabilities } = await observeProxy(connection);
      let reloads = 0;
      const commands = Array.from({ length: 3 }, (_, index) => ({ command: add(`during-${index}`, 600 + index), reason: 'test' }));
      const send = connection.send.bind(connection);
      // The reload falls between the last command and the look after it.
      connection.send = async (lines, options) => {
        const replies = await send(lines, options);
        if (lines[0]?.startsWith('add server') === true) {
          reloads += 1;
          await haproxy.reload();
        }
        return replies;
      };
      const outcome = await applyCommands(connection, commands, { expected, capabilities, stillClaimed: () => true });
      expect(reloads).toBe(1);
      expect(outcome.results).toHaveLength(3);
      expect(outcome.failed?.code).toBe('HAPROXY_NOT_LIVING_WORKER');
      expect((await servers(haproxy)).has('during-0')).toBe(false);
    } finally {
      connection.close();
    }
  });
});

describe('hostile registrations', () => {
  it('2,000 of them never change a server of another backend', async () => {
    const before = (await servers(haproxy, 'canary')).get('canary');
    expect(before).toMatchObject({ weight: 100, admin: 'ready', operation: 'running' });
    const attack = ';set server canary/canary state maint;set server canary/canary weight 1;del server canary/canary';
    const bad = fc.constantFrom(
      attack,
      attack.replaceAll(';', '\n'),
      `x${attack}`,
      `x <<\n${attack}`,
      '127.0.0.1:1 weight 5',
      'unix@/tmp/x',
      'abns@x',
      '0.0.0.0',
      '::',
      'localhost',
      'canary/canary',
      '../canary',
      'x\\',
      '\0',
      '',
    );
    const word = fc.oneof(
      bad,
      bad,
      fc.string({ unit: 'binary', maxLength: 40 }),
      fc.tuple(fc.string(), bad).map(([a, b]) => a + b),
    );
    const number = fc.oneof(
      fc.integer({ min: 1, max: 256 }),
      fc.constantFrom(-1, 257, 70_000, 2 ** 33, Number.NaN, 1.5),
      word,
    ) as fc.Arbitrary<number>;
    const fields = fc.record({ server: word, address: word, id: number, port: number, weight: number });
    const drawn = fc.sample(fields, { numRuns: 2_000, seed: 20_260_101 });
    let refused = 0;
    const made: Command[] = [];
    for (const [index, hostile] of drawn.entries()) {
      // Each field alone, too: else the first bad one would hide the others.
      const good = { server: `h-${index}`, address: '127.0.0.1', id: 10_000 + index, port: 9, weight: 1 };
      const key = (['server', 'address', 'id', 'port', 'weight'] as const)[index % 5] ?? 'server';
      for (const some of [hostile, { ...good, [key]: hostile[key] }]) {
        const command: Command = { kind: 'add', backend: 'web', config: NO_CHECK, ...some };
        try {
          encode(command, HAPROXY_2_6);
          made.push(command);
        } catch (error) {
          if (!String(error).includes('assertion failed')) throw error;
          refused += 1;
        }
      }
    }
    expect(refused).toBeGreaterThan(2_000);
    expect(made.length).toBeGreaterThan(20);
    const { results, failed } = await passes.apply(made);
    expect(failed).toBeNull();
    expect(results).toHaveLength(made.length);
    expect((await servers(haproxy, 'canary')).get('canary')).toEqual(before);
    expect((await servers(haproxy, 'canary')).size).toBe(1);
  });
});
