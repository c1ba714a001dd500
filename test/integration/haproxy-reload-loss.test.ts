/** Requests lost through reloads: none, of keep-alive and of new connections, while HAProxy is reloaded five times. */
import { Agent, request } from 'node:http';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { syncManaged } from '../../shared/haproxy/managed-folder.ts';
import { awaitWorker, reload } from '../../shared/haproxy/reload.ts';
import { pause } from '../../shared/runtime/wait.ts';
import { type HttpService, startHttpServices } from '../support/http-service.ts';
import { ManagedHaproxy, structures } from '../support/managed-haproxy.ts';
import { freePort } from '../support/port.ts';
import { renderedServer, serviceConfig } from '../support/render-input.ts';

const REQUESTS_PER_S = 300;
const RELOADS = 5;
/** ms between two reloads: time for requests to meet the new worker */
const BETWEEN_MS = 300;

let services: HttpService[];
beforeEach(async () => {
  services = await startHttpServices(2);
});
afterEach(() => Promise.all(services.map((service) => service.stop())));

interface Count {
  ok: number;
  readonly failures: string[];
}

function get(port: number, agent: Agent): Promise<string | null> {
  return new Promise((resolve) => {
    const sent = request({ host: '127.0.0.1', port, agent, path: '/' }, (response) => {
      response.resume();
      response.once('end', () => resolve(response.statusCode === 200 ? null : `status ${response.statusCode}`));
      response.once('error', (error) => resolve(error.message));
    });
    sent.once('error', (error) => resolve(error.message));
    sent.setTimeout(5_000, () => sent.destroy(new Error('no answer in 5 s')));
    sent.end();
  });
}

/** Requests at an even pace until the signal, whatever becomes of the earlier ones. */
async function load(port: number, agent: Agent, perSecond: number, signal: AbortSignal): Promise<Count> {
  const count: Count = { ok: 0, failures: [] };
  const open: Promise<void>[] = [];
  const started = performance.now();
  while (!signal.aborted) {
    const due = ((performance.now() - started) / 1_000) * perSecond;
    while (open.length < due) {
      open.push(
        get(port, agent).then((failure) => {
          if (failure === null) count.ok += 1;
          else count.failures.push(failure);
        }),
      );
    }
    await pause(1_000 / perSecond, signal);
  }
  await Promise.all(open);
  return count;
}

it('none', { timeout: 60_000 }, async () => {
  const port = await freePort();
  const servers = services.map((service, index) =>
    renderedServer(index + 1, '127.0.0.1', { port: service.port, instance: `127.0.0.1:${service.port}` }),
  );
  const version = (queue: number) => [
    {
      config: serviceConfig({
        listen: `127.0.0.1:${port}`,
        check: { type: 'http', method: 'GET', path: '/health', interval: 500, rise: 2, fall: 3 },
        timeouts: { connect: null, client: null, server: null, check: null, queue },
      }),
      servers,
    },
  ];
  const running = await ManagedHaproxy.start(version(1_000));
  const stop = new AbortController();
  const keepAlive = new Agent({ keepAlive: true, maxSockets: 20 });
  const fresh = new Agent({ keepAlive: false });
  try {
    const loads = [load(port, keepAlive, REQUESTS_PER_S / 2, stop.signal), load(port, fresh, REQUESTS_PER_S / 2, stop.signal)];
    for (let i = 1; i <= RELOADS; i += 1) {
      await pause(BETWEEN_MS);
      const before = (await running.observe()).identity;
      await syncManaged(running.managed, running.files(version(1_000 + i)));
      await reload({ kind: 'master', socket: running.haproxy.master }, running.reloadInput);
      await awaitWorker({ runtime: running.proxy.runtime, before, stamp: running.stamp, structures: structures(version(1_000 + i)) });
    }
    await pause(BETWEEN_MS);
    stop.abort();
    for (const count of await Promise.all(loads)) {
      expect(count.failures).toEqual([]);
      expect(count.ok).toBeGreaterThan(100);
    }
  } finally {
    stop.abort();
    keepAlive.destroy();
    fresh.destroy();
    await running.stop();
  }
});
