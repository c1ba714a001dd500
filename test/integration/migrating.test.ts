/**
 * The way over from Synapse and Nerve, as docs/migrating.md walks it, under steady traffic and without a lost request: Synapse's HAProxy and pointsman's side by side on
 * what a Nerve wrote (test/support/registrations.ts has its znodes), the clients going over, then the ports, then the registrations.
 */
import { beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { migrateSynapse } from '../../cli/migrate/synapse.ts';
import { observeStatistics } from '../../shared/haproxy/observe.ts';
import { parseStatisticOptions } from '../../shared/haproxy/parse-sessions.ts';
import { withRuntime } from '../../shared/haproxy/runtime.ts';
import { TestHaproxy } from '../support/haproxy.ts';
import { type HttpService, startHttpServices } from '../support/http-service.ts';
import { until } from '../support/poll.ts';
import { freePort } from '../support/port.ts';
import type { RegistrarSession } from '../support/registrar-session.ts';
import { ServerWatch, withdrawals } from '../support/server-watch.ts';
import { SteadyTraffic, summary } from '../support/steady-traffic.ts';
import { System } from '../support/system.ts';

const SERVICE = 'web';
const PATH = '/nerve/services/web/services';
const SESSION_MS = 3_000;
/** Before and after each story, so that what it leaves behind is noticed. */
const REQUESTS = 30;

let system: System;
let synapse: TestHaproxy;
let services: readonly HttpService[];
let names: readonly string[];
/** Where Synapse's HAProxy listens, and pointsman's beside it. */
let ports: { readonly old: number; readonly beside: number };
let nerves: RegistrarSession[];
let sent = 0;

/** As Synapse writes its file. */
const synapseSections = (): string => `
defaults
  mode http
  timeout connect 5s
  timeout client 1m
  timeout server 1m
frontend ${SERVICE}
  bind 127.0.0.1:${ports.old}
  default_backend ${SERVICE}
backend ${SERVICE}
  option httpchk /health
${services.map(({ port }, index) => `  server i-${index}_127.0.0.1:${port} 127.0.0.1:${port} id ${index + 1} check inter 1s rise 1 fall 2`).join('\n')}
`;

/** Its config, and what is made of it; instances are on this machine alone. */
function migrated(portOffset: number, more: object = {}): string {
  const haproxy = {
    port: ports.old,
    server_options: 'check inter 1s rise 1 fall 2',
    listen: ['mode http', 'option httpchk /health'],
  };
  const discovery = { method: 'zookeeper', path: PATH, hosts: ['localhost:2181'] };
  const old = { haproxy: { use_nerve_weights: true }, services: { [SERVICE]: { discovery, haproxy } } };
  const { config } = migrateSynapse(old, { portOffset });
  const service = (config['services'] as Record<string, object>)[SERVICE] ?? {};
  return stringify({ [SERVICE]: { ...service, allow: { loopback: true }, ...more } }).replace(/^(?=.)/gm, '  ');
}

/** What a Nerve writes; `index` is also its instance_id. */
const payload = (index: number, more: object = {}): object => ({
  host: '127.0.0.1',
  port: services[index]?.port,
  name: `i-${index}`,
  ...more,
});
const sequence = (index: number, number: number): string => `i-${index}_${String(number).padStart(10, '0')}`;

/** The name with the whole of it, as of `use_path_encoding`. */
function encodedName(index: number, number: number): string {
  const text = Buffer.from(JSON.stringify(payload(index)))
    .toString('base64')
    .replaceAll('+', '-')
    .replaceAll('/', '_');
  return `base64_${text.length}_${text}_${String(number).padStart(10, '0')}`;
}

async function nerve(index: number, name: string, data = payload(index)): Promise<RegistrarSession> {
  const session = await system.session({ sessionTimeout: SESSION_MS });
  await session.register(PATH, name, data);
  nerves[index] = session;
  return session;
}

/** Nothing was lost before, while and after `story` ran. */
async function underTraffic(listens: readonly number[], story: () => Promise<void>): Promise<void> {
  const traffic = listens.map((port) => new SteadyTraffic({ port, rate: 100 }));
  const flows = async (): Promise<void> => {
    const before = traffic.map(({ done }) => done.length);
    await until('traffic', () => traffic.every(({ done }, index) => done.length >= (before[index] ?? 0) + REQUESTS));
  };
  try {
    await flows();
    await story();
    await flows();
  } finally {
    const done = (await Promise.all(traffic.map((one) => one.stop()))).flat();
    sent += done.length;
    expect(summary(done.filter(({ status }) => status !== 200))).toEqual({});
  }
}

const reached = (before: readonly number[]): boolean[] => services.map(({ requests }, index) => requests > (before[index] ?? 0));

beforeAll(async () => {
  const [a, b] = [await freePort(), await freePort()];
  ports = { old: Math.min(a, b), beside: Math.max(a, b) };
  services = await startHttpServices(3);
  names = services.map(({ port }) => `127.0.0.1:${port}`);
  nerves = [];
  [system, synapse] = await Promise.all([
    System.start({ services: migrated(ports.beside - ports.old) }),
    TestHaproxy.start({ sections: synapseSections() }),
  ]);
  return async () => {
    await Promise.all([system.stop(), synapse.stop(), ...services.map((service) => service.stop())]);
  };
});

describe('a host goes over', () => {
  it('what Nerve wrote is served beside Synapse', async () => {
    await underTraffic([ports.old], async () => {
      await nerve(0, sequence(0, 5));
      await nerve(1, encodedName(1, 6));
      await nerve(2, sequence(2, 7), payload(2, { weight: 3, labels: { az: 'b' }, haproxy_server_options: 'maxconn 10' }));
      await system.serving(SERVICE, names);
    });
    expect((await system.servers(SERVICE)).get(names[2] ?? '')?.weight).toBe(3);
    const told = await withRuntime(system.haproxy.runtime, (connection) => observeStatistics(connection, SERVICE, parseStatisticOptions));
    expect(names.map((name) => told?.get(name)?.maxConn)).toEqual([0, 0, 10]);
  });

  it('the clients go over, and the HAProxy of Synapse ends when it has none', async () => {
    await underTraffic([ports.beside], async () => {
      const before = services.map(({ requests }) => requests);
      await until('all instances to be reached', () => reached(before).every(Boolean));
      process.kill(synapse.pid, 'SIGUSR1');
      expect(await synapse.ended()).toBe(true);
    });
  });

  it('then pointsman takes the old port, while it still has the other', async () => {
    await underTraffic([ports.beside], async () => {
      await system.reconfigure(migrated(0, { extra: { frontend: [`bind 127.0.0.1:${ports.beside}`] } }));
      await until('the old port to be open', () =>
        fetch(`http://127.0.0.1:${ports.old}/`).then(
          ({ status }) => status === 200,
          () => false,
        ),
      );
    });
    await underTraffic([ports.old], async () => {
      await system.reconfigure(migrated(0));
      await until('the other port to be closed', () =>
        fetch(`http://127.0.0.1:${ports.beside}/`).then(
          () => false,
          () => true,
        ),
      );
      await system.serving(SERVICE, names);
    });
  });
});

describe('what a Nerve does is followed', () => {
  it('killed and started again: two znodes of one instance for a while, and nothing happens to its server', async () => {
    await system.inSync(SERVICE);
    const watch = new ServerWatch(system, SERVICE, names);
    await underTraffic([ports.old], async () => {
      const before = (await withdrawals(system)).length;
      const killed = nerves[0];
      await nerve(0, sequence(0, 8));
      await killed?.expire();
      await until(
        'the znode of the dead session to be gone',
        async () => (await nerves[0]?.children(PATH))?.includes(sequence(0, 5)) === false,
        {
          timeoutMs: 20_000,
        },
      );
      await until('the watcher to have seen it', async () => {
        const instance = await system.instance(SERVICE, names[0] ?? '');
        return Object.keys(instance?.snapshot.context.znodes ?? {}).join() === sequence(0, 8);
      });
      expect((await withdrawals(system)).slice(before)).toEqual([]);
    });
    expect(await watch.stop()).toMatchObject({ missed: [], fewest: 3 });
  });

  it('another weight, by SIGHUP: a second znode comes before the first one goes', async () => {
    await underTraffic([ports.old], async () => {
      const session = nerves[2];
      await session?.register(PATH, sequence(2, 9), payload(2, { weight: 7 }));
      await until('the new weight', async () => (await system.servers(SERVICE)).get(names[2] ?? '')?.weight === 7);
      await session?.deregister(PATH, sequence(2, 7));
      await system.serving(SERVICE, names);
      expect((await system.servers(SERVICE)).get(names[2] ?? '')?.weight).toBe(7);
    });
  });

  it('a check that fails and passes again: the znode goes, and comes under another number', async () => {
    await underTraffic([ports.old], async () => {
      await nerves[1]?.deregister(PATH, encodedName(1, 6));
      await system.serving(SERVICE, [names[0] ?? '', names[2] ?? '']);
      await nerves[1]?.register(PATH, encodedName(1, 10), payload(1));
      await system.serving(SERVICE, names);
    });
  });

  it('another registrar writes the same form beside it, then Nerve ends: the instance stays', async () => {
    const watch = new ServerWatch(system, SERVICE, names);
    await underTraffic([ports.old], async () => {
      const ours = await system.session({ sessionTimeout: SESSION_MS });
      for (const [index, session] of nerves.entries()) {
        await ours.register(PATH, `i-${index}_`, payload(index, index === 2 ? { weight: 7 } : {}));
        await session.close();
      }
      await until('only the new znodes', async () => (await ours.children(PATH)).sort().join() === 'i-0_,i-1_,i-2_');
      await until('each instance to have its own alone', async () => {
        const standing = await Promise.all(names.map((name) => system.instance(SERVICE, name)));
        return standing.every((one, index) => Object.keys(one?.snapshot.context.znodes ?? {}).join() === `i-${index}_`);
      });
      await system.inSync(SERVICE);
    });
    expect(await watch.stop()).toMatchObject({ missed: [], fewest: 3 });
  });
});

it('all of it under traffic', () => expect(sent).toBeGreaterThan(7 * 2 * REQUESTS));
