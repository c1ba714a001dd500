/** On a real HAProxy: a server whose connections are idle in its pool is deleted, at once where HAProxy can wait for them, else by a later look. */
import { describe, expect, it } from 'vitest';
import { applyCommands } from '../../shared/haproxy/apply.ts';
import { observeProxy } from '../../shared/haproxy/observe.ts';
import { withRuntime } from '../../shared/haproxy/runtime.ts';
import type { Command } from '../../shared/plan/command.ts';
import { cleanupsAfterEach } from '../support/cleanups.ts';
import { HTTP_DEFAULTS, TestHaproxy } from '../support/haproxy.ts';
import { HttpLoad } from '../support/http-load.ts';
import { startHttpServices } from '../support/http-service.ts';
import { until } from '../support/poll.ts';
import { freePort } from '../support/port.ts';
import { RuntimePasses, servers } from '../support/runtime-pass.ts';
import { serviceConfig } from '../support/samples.ts';

const SERVERS = 8;
/** More than one batch can wait for. */
const BUSY = 30;
const cleanups = cleanupsAfterEach();

describe('servers with idle connections', () => {
  it('are deleted, at the first try where HAProxy has `wait`', async () => {
    const port = await freePort();
    const services = await startHttpServices(SERVERS);
    cleanups.push(() => Promise.all(services.map((service) => service.stop())));
    const sections = `${HTTP_DEFAULTS}
frontend web:in
  bind 127.0.0.1:${port}
  default_backend web
backend web
  balance roundrobin
`;
    const haproxy = await TestHaproxy.start({ global: '  nbthread 2\n', sections });
    cleanups.push(() => haproxy.stop());
    const passes = new RuntimePasses(haproxy);
    const config = serviceConfig({ check: { type: 'none' } });
    const at = services.map((service, index) => ({ backend: 'web', server: `s${index}`, id: index + 1, port: service.port }));
    await passes.apply(at.map((server): Command => ({ kind: 'add', ...server, address: '127.0.0.1', weight: 1, config })));
    const load = new HttpLoad({ port, clients: 8, everyMs: 1 });
    await until('each server to have answered', () => services.every(({ requests }) => requests > 30));
    await load.stop();
    expect(load.failed).toBe(0);

    const going = at.flatMap(({ backend, server }): Command[] => [
      { kind: 'maint', backend, server },
      { kind: 'delete', backend, server },
    ]);
    const { results, failed } = await passes.apply(going);
    expect(failed).toBeNull();
    const deleted = results.filter(({ command }) => command.kind === 'delete').map(({ outcome }) => outcome);
    const { capabilities } = await withRuntime(haproxy.runtime, observeProxy);
    if (capabilities.waitRemovable) expect(deleted).toEqual(Array.from({ length: SERVERS }, () => 'done'));
    else expect(new Set(deleted).difference(new Set(['done', 'busy']))).toEqual(new Set());
    await until(
      'all to be gone',
      async () => {
        await passes.apply(going);
        return (await servers(haproxy)).size === 0;
      },
      { timeoutMs: 20_000 },
    );
  });
});

describe('servers with requests in flight', () => {
  it('are waited for in batches that end within a claim', async () => {
    const [port, [slow]] = await Promise.all([freePort(), startHttpServices(1)]);
    if (slow === undefined) throw new Error('a service');
    slow.delayMs = 30_000;
    cleanups.push(() => slow.stop());
    const sections = `${HTTP_DEFAULTS}
frontend web:in
  bind 127.0.0.1:${port}
  default_backend web
backend web
  balance roundrobin
`;
    const haproxy = await TestHaproxy.start({ sections });
    cleanups.push(() => haproxy.stop());
    const passes = new RuntimePasses(haproxy);
    const config = serviceConfig({ check: { type: 'none' } });
    const at = Array.from({ length: BUSY }, (_, index) => ({ backend: 'web', server: `s${index}` }));
    await passes.apply(
      at.map(
        (server, index): Command => ({ kind: 'add', ...server, id: index + 1, address: '127.0.0.1', port: slow.port, weight: 1, config }),
      ),
    );
    const ended = new AbortController();
    const requests = at.map(() => fetch(`http://127.0.0.1:${port}/`, { signal: ended.signal }).catch(() => undefined));
    await until('each server to have a request', () => slow.requests === BUSY);
    await passes.apply(at.map((server): Command => ({ kind: 'maint', ...server })));
    await withRuntime(haproxy.runtime, async (connection) => {
      const { identity: expected, capabilities } = await observeProxy(connection);
      const commands = at.map((server) => ({ command: { kind: 'delete', ...server } as const, reason: 'test' }));
      let asked = 0;
      const begun = performance.now();
      const { results, failed } = await applyCommands(connection, commands, { expected, capabilities, stillClaimed: () => ++asked === 1 });
      expect(new Set(results.map(({ outcome }) => outcome))).toEqual(new Set(['busy']));
      if (!capabilities.waitRemovable) return expect(results).toHaveLength(BUSY);
      expect(failed?.code).toBe('CLAIM_LOST');
      expect(results).toHaveLength(20);
      expect(performance.now() - begun, 'ms from the last time that the claim was asked for').toBeLessThan(1_500);
    });
    ended.abort();
    await Promise.all(requests);
  });
});
