/** Instances that are near, and those that stand by for them: HAProxy itself turns from one to the others and back, and who is which changes live. */
import { beforeAll, describe, expect, it } from 'vitest';
import { type HttpService, startHttpServices } from '../support/http-service.ts';
import { until } from '../support/poll.ts';
import { freePort } from '../support/port.ts';
import type { RegistrarSession } from '../support/registrar-session.ts';
import { SteadyTraffic, summary } from '../support/steady-traffic.ts';
import { pathOf, System } from '../support/system.ts';

const SERVICE = 'web';

let system: System;
let services: readonly HttpService[];
let sessions: readonly RegistrarSession[];
let names: readonly string[];
let listen: number;

const section = (prefer: string): string => `  ${SERVICE}:
    path: ${pathOf(SERVICE)}
    listen: "127.0.0.1:${listen}"
    check: { http: GET /health, interval: 200ms, rise: 1, fall: 1 }
    prefer: { zone: ${prefer} }
    guard: { maxLoss: 1 }
    allow: { loopback: true }`;

beforeAll(async () => {
  listen = await freePort();
  [system, services] = await Promise.all([System.start({ services: section('oslo') }), startHttpServices(4)]);
  names = services.map(({ port }) => `127.0.0.1:${port}`);
  const zones = ['oslo', 'oslo', 'bergen', 'bergen'];
  sessions = await Promise.all(names.map((name, index) => system.register(SERVICE, name, labelled(zones[index] ?? ''))));
  await system.serving(SERVICE, names);
  await system.inSync(SERVICE);
  return async () => {
    await Promise.all([system.stop(), ...services.map((service) => service.stop())]);
  };
});

function labelled(zone: string): object {
  return { labels: { zone } };
}

async function say(index: number, zone: string): Promise<void> {
  await sessions[index]?.say(pathOf(SERVICE), names[index] ?? '', labelled(zone));
}

/** Whose turn it is, of many requests. */
async function answering(): Promise<number[]> {
  const before = services.map(({ requests }) => requests);
  for (let sent = 0; sent < 40; sent += 1) await fetch(`http://127.0.0.1:${listen}/`);
  return services.flatMap(({ requests }, index) => (requests > (before[index] ?? 0) ? [index] : []));
}

const answeredBy = (...expected: number[]): Promise<unknown> =>
  until(`requests to be answered by ${expected.join(' and ')}`, async () => (await answering()).join() === expected.join(), {
    timeoutMs: 20_000,
  });

function behave(behaviour: HttpService['behaviour'], ...indices: number[]): void {
  for (const index of indices) (services[index] as HttpService).behaviour = behaviour;
}

describe('instances that are far', () => {
  it('stand by until no near one is up, and again when one is back', async () => {
    expect(await answering()).toEqual([0, 1]);
    behave('fail', 0);
    await answeredBy(1);
    behave('fail', 1);
    await answeredBy(2, 3);
    behave('ok', 1);
    await answeredBy(1);
    behave('ok', 0);
    await answeredBy(0, 1);
  });

  it('take their turn when their label says that they are near, and stand by when it does no more, without a reload or a lost request', async () => {
    const pid = await system.haproxy.workerPid();
    const traffic = new SteadyTraffic({ port: listen, rate: 50 });
    await say(2, 'oslo');
    await answeredBy(0, 1, 2);
    await say(0, 'bergen');
    await answeredBy(1, 2);
    await system.inSync(SERVICE);
    await traffic.stop();
    expect(summary(traffic.failed)).toEqual({});
    expect(await system.haproxy.workerPid()).toBe(pid);
  });

  it('are others when the config says so, still so after a reload', async () => {
    await system.reconfigure(section('[bergen, tromso]'));
    await answeredBy(0, 3);
    await system.inSync(SERVICE);
    const pid = await system.haproxy.workerPid();
    await system.haproxy.reload();
    expect(await system.haproxy.workerPid()).not.toBe(pid);
    await system.serving(SERVICE, names);
    await system.inSync(SERVICE);
    expect(await answering()).toEqual([0, 3]);
  });
});
