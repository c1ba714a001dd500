/** Weights scaled by the config, and a share for instances that are far: what HAProxy is told is live, and costs no request and no reload. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { type HttpService, startHttpServices } from '../support/http-service.ts';
import { until } from '../support/poll.ts';
import { freePort } from '../support/port.ts';
import type { RegistrarSession } from '../support/registrar-session.ts';
import { sentCommands } from '../support/server-watch.ts';
import { SteadyTraffic, summary } from '../support/steady-traffic.ts';
import { pathOf, System } from '../support/system.ts';

const SERVICE = 'web';
const SAID = [{ labels: { zone: 'oslo' } }, { weight: 4, labels: { zone: 'oslo' } }, { weight: 1, labels: { zone: 'bergen' } }];

let system: System;
let services: readonly HttpService[];
let sessions: readonly RegistrarSession[];
let names: readonly string[];
let listen: number;
let pid: number;

const section = (more: readonly string[] = []): string => `  ${SERVICE}:
    path: ${pathOf(SERVICE)}
    listen: "127.0.0.1:${listen}"
    check: { http: GET /health, interval: 200ms, rise: 1, fall: 1 }
    prefer: { zone: oslo }
    allow: { loopback: true }
${more.map((line) => `    ${line}`).join('\n')}`;

beforeAll(async () => {
  listen = await freePort();
  [system, services] = await Promise.all([System.start({ services: section() }), startHttpServices(3)]);
  names = services.map(({ port }) => `127.0.0.1:${port}`);
  sessions = await Promise.all(names.map((name, index) => system.register(SERVICE, name, SAID[index] ?? {})));
  await system.serving(SERVICE, names);
  await system.inSync(SERVICE);
  pid = await system.haproxy.workerPid();
  return async () => {
    await Promise.all([system.stop(), ...services.map((service) => service.stop())]);
  };
});

/** By instance. */
async function weights(): Promise<string> {
  const servers = await system.servers(SERVICE);
  if (servers.size !== names.length) return `${servers.size} servers`;
  return names.map((name) => servers.get(name)?.weight ?? '-').join(' ');
}

const become = (wanted: string): Promise<unknown> =>
  until(`weights ${wanted}`, async () => (await weights()) === wanted, { timeoutMs: 30_000 });

/** What was sent to HAProxy, without a request being lost or a reload. */
async function sentWhile(change: () => Promise<unknown>): Promise<string[]> {
  const before = (await sentCommands(system)).length;
  const traffic = new SteadyTraffic({ port: listen, rate: 100 });
  try {
    await change();
    await system.inSync(SERVICE);
    const so = traffic.done.length;
    await until('requests behind it', () => traffic.done.length > so + 20);
  } finally {
    await traffic.stop();
  }
  expect(summary(traffic.failed)).toEqual({});
  expect(await system.haproxy.workerPid()).toBe(pid);
  return (await sentCommands(system)).slice(before);
}

/** Who answers, of many requests. */
async function answering(): Promise<number[]> {
  const before = services.map(({ requests }) => requests);
  for (let sent = 0; sent < 60; sent += 1) await fetch(`http://127.0.0.1:${listen}/`);
  return services.flatMap(({ requests }, index) => (requests > (before[index] ?? 0) ? [index] : []));
}

describe('weights', () => {
  it('count as registered without the key', async () => {
    expect(await weights()).toBe('1 4 1');
    expect(await answering()).toEqual([0, 1]);
  });

  it('follow a change of the config by `set weight` alone', async () => {
    const sent = await sentWhile(async () => {
      await system.reconfigure(section(['weights: { default: 10, scale: 2.5 }']));
      await become('25 10 3');
    });
    expect(sent.filter((command) => !/^set server \S+ weight \d+$/.test(command))).toEqual([]);
    expect(sent).toHaveLength(3);
  });

  it('follow a registration by the same rule', async () => {
    const sent = await sentWhile(async () => {
      await sessions[1]?.say(pathOf(SERVICE), names[1] ?? '', { ...SAID[1], weight: 100 });
      await become('25 250 3');
      await sessions[1]?.say(pathOf(SERVICE), names[1] ?? '', { ...SAID[1], weight: 0 });
      await become('25 0 3');
      await sessions[1]?.say(pathOf(SERVICE), names[1] ?? '', SAID[1] ?? {});
      await become('25 10 3');
    });
    expect(sent).toHaveLength(3);
  });

  it('need not count', async () => {
    await sentWhile(async () => {
      await system.reconfigure(section(['weights: { registered: false, default: 7 }']));
      await become('7 7 7');
    });
  });
});

describe('instances that are far', () => {
  it('get their share, and stand by again, without a reload', async () => {
    await sentWhile(async () => {
      await system.reconfigure(section(['farWeight: 0.2']));
      await become('10 40 2');
      await until('the far one to take requests', async () => (await answering()).join() === '0,1,2', { timeoutMs: 30_000 });
    });
    await sentWhile(async () => {
      await system.reconfigure(section());
      await become('1 4 1');
      await until('the far one to stand by', async () => (await answering()).join() === '0,1', { timeoutMs: 30_000 });
    });
  });

  it('get another share live', async () => {
    await system.reconfigure(section(['farWeight: 0.2']));
    await become('10 40 2');
    await until('the far one to take requests', async () => (await answering()).join() === '0,1,2', { timeoutMs: 30_000 });
    await system.inSync(SERVICE);
    const sent = await sentWhile(async () => {
      await system.reconfigure(section(['farWeight: 0.5']));
      await become('10 40 5');
    });
    expect(sent).toHaveLength(1);
  });

  it('keep their share over a restart of HAProxy from its files, which needs no command but of state', async () => {
    await until('the file to have it', async () =>
      / weight 5 /.test(await readFile(join(system.places.managed, `service-${SERVICE}.cfg`), 'utf8')),
    );
    const before = (await sentCommands(system)).length;
    await system.haproxy.reload();
    await system.serving(SERVICE, names);
    await system.inSync(SERVICE);
    expect(await weights()).toBe('10 40 5');
    expect((await sentCommands(system)).slice(before)).toEqual([]);
  });
});
