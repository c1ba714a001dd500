/**
 * Instances come and go under traffic while one part after the other is taken away: Zookeeper and Redis suspended and killed, Redis losing everything,
 * HAProxy reloaded by somebody else, pointsman itself stopped and started. After each outage HAProxy has what is registered; no request fails.
 */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { pause } from '../../shared/runtime/wait.ts';
import { type HttpService, startHttpServices } from '../support/http-service.ts';
import { until } from '../support/poll.ts';
import { freePort } from '../support/port.ts';
import type { RegistrarSession } from '../support/registrar-session.ts';
import { SteadyTraffic, summary } from '../support/steady-traffic.ts';
import { isServing, pathOf, System } from '../support/system.ts';

const SERVICE = 'web';
const ROUNDS = Number(process.env.ROUNDS ?? '3');
const CONVERGED_WITHIN_MS = 30_000;
/** Instances that stay; the others come and go. */
const STABLE = 4;

let system: System;
let services: HttpService[];
let session: RegistrarSession;
let listen: number;
const registered = new Set<string>();
const nameOf = ({ port }: HttpService): string => `127.0.0.1:${port}`;

beforeAll(async () => {
  listen = await freePort();
  const text = `  ${SERVICE}:
    path: ${pathOf(SERVICE)}
    listen: "127.0.0.1:${listen}"
    check: { http: GET /health, interval: 500ms, rise: 1, fall: 3 }
    guard: { maxLoss: 1 }
    allow: { loopback: true }`;
  [system, services] = await Promise.all([System.start({ services: text }), startHttpServices(STABLE + 4)]);
  session = await system.session({ sessionTimeout: 20_000 });
  for (const service of services.slice(0, STABLE)) await toggle(nameOf(service));
  await system.serving(SERVICE, [...registered]);
}, 120_000);

afterAll(async () => {
  await system.stop();
  await Promise.all(services.map((service) => service.stop()));
});

/** A registrar tries again until Zookeeper has taken it. */
async function toggle(name: string): Promise<void> {
  if (registered.has(name)) {
    registered.delete(name);
    await session.deregister(pathOf(SERVICE), name);
  } else {
    await session.register(pathOf(SERVICE), name);
    registered.add(name);
  }
}

const outages: readonly (readonly [what: string, outage: () => Promise<void>])[] = [
  [
    'Redis is suspended for 4 s',
    async () => {
      system.redis?.kill('SIGSTOP');
      await pause(4_000);
      system.redis?.kill('SIGCONT');
    },
  ],
  [
    'Redis is killed, and comes back empty',
    async () => {
      await system.killRedis();
      await pause(1_500);
      await system.startRedis();
    },
  ],
  [
    'Zookeeper is suspended for 3 s',
    async () => {
      system.zookeeper.server.suspend();
      await pause(3_000);
      system.zookeeper.server.resume();
    },
  ],
  [
    'Zookeeper is killed and started',
    async () => {
      await system.zookeeper.server.kill();
      await pause(1_000);
      await system.zookeeper.server.start();
      await system.zookeeper.server.ready();
    },
  ],
  ['HAProxy is reloaded by somebody else', () => system.haproxy.reload()],
  [
    'pointsman is stopped and started',
    async () => {
      await system.app.stop();
      await pause(500);
      system.app = system.newApp();
      system.startApp();
      await system.started();
    },
  ],
];

it(
  `${outages.length} kinds of outage, ${ROUNDS} rounds`,
  async ({ annotate }) => {
    const traffic = new SteadyTraffic({ port: listen, rate: 60 });
    const told: string[] = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      for (const [what, outage] of outages) {
        const churning = new AbortController();
        const churn = churnUntil(churning.signal);
        await outage();
        churning.abort();
        await churn;
        const over = performance.now();
        const wanted = [...registered].sort();
        await until(
          `HAProxy to have what is registered after: ${what}`,
          async () => {
            const servers = await system.servers(SERVICE);
            const names = [...servers.values()].filter(isServing).map(({ name }) => name);
            return servers.size === wanted.length && names.sort().join(' ') === wanted.join(' ');
          },
          { timeoutMs: CONVERGED_WITHIN_MS },
        );
        await system.inSync(SERVICE, 'edge', CONVERGED_WITHIN_MS);
        expect(summary(traffic.failed), what).toEqual({});
        told.push(`${what}: ${Math.round(performance.now() - over)} ms`);
      }
    }
    await traffic.stop();
    expect(summary(traffic.failed)).toEqual({});
    await annotate(`${traffic.done.length} requests; from the end of the outage to in sync: ${told.join('; ')}`);
  },
  ROUNDS * outages.length * 60_000,
);

async function churnUntil(signal: AbortSignal): Promise<void> {
  for (let turn = 0; !signal.aborted; turn += 1) {
    const service = services[STABLE + (turn % (services.length - STABLE))] as HttpService;
    // What Zookeeper cannot take now stays as it is.
    await toggle(nameOf(service)).catch(() => recount());
    await pause(200, signal);
  }
  await recount();
}

/** What Zookeeper has, whatever became of the calls that it did not answer. */
async function recount(): Promise<void> {
  const names = await until('Zookeeper to answer', () => session.children(pathOf(SERVICE)), { timeoutMs: 30_000 });
  registered.clear();
  for (const name of names) registered.add(name);
}
