/** What a real HAProxy's checks say, looked at all the time: no verdict flickers while a check is out. */
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { Verdict } from '../../shared/model/event.ts';
import { verdictOf } from '../../workers/observer/verdicts.ts';
import { HTTP_DEFAULTS, TestHaproxy } from '../support/haproxy.ts';
import { until } from '../support/poll.ts';
import { freePort } from '../support/port.ts';
import { type StartedProcess, startProcess } from '../support/process.ts';
import { RuntimePasses, servers } from '../support/runtime-pass.ts';
import { desiredBackend, httpCheck, serviceConfig } from '../support/samples.ts';

const LOOK_EVERY_MS = 20;
/** Longer than a check of a hung server takes, twice. */
const WATCHED_MS = 3_000;
const APP = 'require("node:http").createServer((_, answer) => answer.end("ok")).listen(Number(process.argv[1]), "127.0.0.1")';

it('a hung server is down until it is up again, and a healthy one is up all the time', async () => {
  const [frontend, healthyPort, hungPort] = await Promise.all([freePort(), freePort(), freePort()]);
  const haproxy = await TestHaproxy.start({
    sections: `${HTTP_DEFAULTS}
frontend web:in
  bind 127.0.0.1:${frontend}
  default_backend web
backend web
  option httpchk GET /health
`,
  });
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
