/** What a real HAProxy's checks say, looked at all the time: no verdict flickers while a check is out. */
import { Agent, request } from 'node:http';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { Verdict } from '../../shared/model/event.ts';
import { verdictOf } from '../../workers/observer/verdicts.ts';
import { cleanupsAfterEach } from '../support/cleanups.ts';
import { HTTP_DEFAULTS, TestHaproxy } from '../support/haproxy.ts';
import { startHttpServices } from '../support/http-service.ts';
import { until } from '../support/poll.ts';
import { freePort } from '../support/port.ts';
import { type StartedProcess, startProcess } from '../support/process.ts';
import { RuntimePasses, servers } from '../support/runtime-pass.ts';
import { desiredBackend, httpCheck, serviceConfig } from '../support/samples.ts';

const LOOK_EVERY_MS = 20;
/** Longer than a check of a hung server takes, twice. */
const WATCHED_MS = 3_000;
const cleanups = cleanupsAfterEach();

function sections(frontend: number): string {
  return `${HTTP_DEFAULTS}
frontend web:in
  bind 127.0.0.1:${frontend}
  default_backend web
backend web
  option httpchk GET /health
`;
}

const APP = 'require("node:http").createServer((_, answer) => answer.end("ok")).listen(Number(process.argv[1]), "127.0.0.1")';

it('a hung server is down until it is up again, and a healthy one is up all the time', async () => {
  const [frontend, healthyPort, hungPort] = await Promise.all([freePort(), freePort(), freePort()]);
  const haproxy = await TestHaproxy.start({ sections: sections(frontend) });
  const app = (port: number): Promise<StartedProcess> =>
    startProcess(process.execPath, ['-e', APP, String(port)], { logFile: join(haproxy.folder.path, 'app.log') });
  const [healthy, hung] = await Promise.all([app(healthyPort), app(hungPort)]);
  const verdicts = new Map<number, Verdict>([
    [healthyPort, 'absent'],
    [hungPort, 'absent'],
  ]);
  const told: string[] = [];
  const look = async (): Promise<void> => {
    const seen = await servers(haproxy);
    for (const [port, before] of verdicts) {
      const server = seen.get(`127.0.0.1:${port}`);
      if (server === undefined) continue;
      const verdict = verdictOf(server, true, before);
      if (verdict !== before) told.push(`${port === hungPort ? 'hung' : 'healthy'} ${verdict}`);
      verdicts.set(port, verdict);
    }
  };
  const verdict = (port: number, wanted: Verdict): Promise<true> =>
    until(
      `${port} to be ${wanted}`,
      async () => {
        await look();
        return verdicts.get(port) === wanted;
      },
      { everyMs: LOOK_EVERY_MS },
    );
  const watch = async (): Promise<void> => {
    const end = performance.now() + WATCHED_MS;
    await until(
      'enough to be seen',
      async () => {
        await look();
        return performance.now() >= end;
      },
      { everyMs: LOOK_EVERY_MS },
    );
  };
  try {
    const config = serviceConfig({ check: httpCheck(400) });
    const desired = [healthyPort, hungPort].map((port, at) => {
      const name = `127.0.0.1:${port}`;
      return { instance: name, name, id: at + 1, address: '127.0.0.1', port, weight: 1, admin: 'ready' } as const;
    });
    await new RuntimePasses(haproxy).converge(desiredBackend(desired, config));
    await verdict(hungPort, 'up');
    await verdict(healthyPort, 'up');
    told.length = 0;
    hung.kill('SIGSTOP');
    await verdict(hungPort, 'down');
    await watch();
    hung.kill('SIGCONT');
    await verdict(hungPort, 'up');
    await watch();
    expect(told).toEqual(['hung down', 'hung up']);
  } finally {
    await haproxy.stop();
    await Promise.all([healthy.stop(), hung.stop()]);
  }
}, 40_000);

it('a server whose delete was refused and that is let in again is never told down', async () => {
  const frontend = await freePort();
  const [service] = await startHttpServices(1);
  // Busy for any delete, also for one that waits for idle connections.
  if (service === undefined) throw new Error('no service');
  cleanups.push(() => service.stop());
  const haproxy = await TestHaproxy.start({ sections: sections(frontend) });
  cleanups.push(() => haproxy.stop());
  const name = `127.0.0.1:${service.port}`;
  const at = { backend: 'web', server: name } as const;
  const passes = new RuntimePasses(haproxy);
  const desired = desiredBackend(
    [{ instance: name, name, id: 1, address: '127.0.0.1', port: service.port, weight: 1, admin: 'ready' }],
    serviceConfig({ check: httpCheck(1_000) }),
  );
  await passes.converge(desired);
  const seen = async () => (await servers(haproxy)).get(name);
  await until('it to be up', async () => (await seen())?.operation === 'running');
  const agent = new Agent({ keepAlive: true });
  cleanups.push(async () => agent.destroy());
  service.delayMs = 3_000;
  const open = request({ port: frontend, agent, path: '/' }, (answer) => answer.resume());
  open.on('error', () => undefined).end();
  await until('a request is with the server', () => service.inFlight === 1);
  await passes.apply([{ kind: 'drain', ...at }]);
  const removal = await passes.apply([
    { kind: 'maint', ...at },
    { kind: 'delete', ...at },
  ]);
  expect(removal.results.map(({ outcome }) => outcome)).toEqual(['done', 'busy']);
  // The guard holds it now. No observer looked meanwhile: what it knows is that the server was up.
  expect((await passes.pass(desired)).plan.commands.map(({ command }) => command.kind)).toEqual(['admit']);
  const told = new Set<Verdict>();
  let before: Verdict = 'up';
  let stopped = 0;
  await until(
    'it to be up again',
    async () => {
      const server = await seen();
      if (server === undefined) throw new Error('it is gone');
      if (server.operation === 'stopped') stopped += 1;
      before = verdictOf(server, true, before);
      told.add(before);
      return before === 'up';
    },
    { everyMs: LOOK_EVERY_MS },
  );
  expect(stopped).toBeGreaterThan(0);
  expect([...told]).toEqual(['unknown', 'up']);
}, 30_000);
