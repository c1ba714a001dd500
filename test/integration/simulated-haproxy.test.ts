/** The simulated runtime socket answers as a real HAProxy does, for all that is sent to backends without checks: the same passes lead to the same state. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { observeBackend, observeProxy } from '../../shared/haproxy/observe.ts';
import { withRuntime } from '../../shared/haproxy/runtime.ts';
import type { DesiredBackend } from '../../shared/model/desired.ts';
import type { RuntimeAddress } from '../../shared/model/proxy-config.ts';
import { HTTP_DEFAULTS, TestHaproxy } from '../support/haproxy.ts';
import { RuntimePasses } from '../support/runtime-pass.ts';
import { serviceConfig } from '../support/service-events.ts';
import { SimulatedHaproxy } from '../support/simulated-haproxy.ts';

const HOSTS = ['10.0.0.1', '10.0.0.2', '10.0.0.3', '10.0.0.4'];
const BACKENDS = ['web', 'api'];
const real: { haproxy?: TestHaproxy } = {};
const simulated = new SimulatedHaproxy(BACKENDS, 4_711);
const at: { real?: RuntimeAddress; simulated?: RuntimeAddress } = {};

beforeAll(async () => {
  const sections = BACKENDS.map((name) => `backend ${name}\n  balance roundrobin\n`).join('');
  real.haproxy = await TestHaproxy.start({ sections: `${HTTP_DEFAULTS}\n${sections}` });
  at.real = real.haproxy.runtime;
  at.simulated = { kind: 'tcp', host: '127.0.0.1', port: await simulated.listen() };
});
afterAll(async () => {
  await simulated.close();
  await real.haproxy?.stop();
});

function desired(servers: Readonly<Record<string, { weight?: number; admin?: 'ready' | 'drain'; port?: number }>>): DesiredBackend {
  const config = serviceConfig({ name: 'web', check: { type: 'none' } });
  const all = Object.entries(servers).map(([host, { weight = 1, admin = 'ready', port = 80 }]) => {
    const id = Number(host.split('.').at(-1));
    const name = `${host}:80`;
    return [name, { name, instance: name, id, address: host, port, weight, admin, revision: 1 }] as const;
  });
  return {
    service: 'web',
    revision: 1,
    cursor: '1-0',
    config,
    complete: true,
    gone: new Set(HOSTS.map((host) => `${host}:80`)),
    trusted: null,
    servers: new Map(all),
  } as unknown as DesiredBackend;
}

async function story(runtime: RuntimeAddress | undefined): Promise<unknown[]> {
  if (runtime === undefined) throw new Error('it was not started');
  const passes = new RuntimePasses({ runtime } as TestHaproxy);
  const told: unknown[] = [];
  for (const wanted of [
    desired({ '10.0.0.1': {}, '10.0.0.2': { weight: 7 }, '10.0.0.3': {} }),
    desired({ '10.0.0.1': { weight: 3 }, '10.0.0.2': { admin: 'drain' }, '10.0.0.3': { port: 81 } }),
    desired({ '10.0.0.1': { weight: 3 } }),
    desired({ '10.0.0.1': { weight: 3 }, '10.0.0.4': {} }),
  ]) {
    await passes.converge(wanted);
    const observed = await withRuntime(runtime, (connection) => observeBackend(connection, 'web'));
    told.push([...(observed?.servers ?? [])].sort(([a], [b]) => (a < b ? -1 : 1)));
  }
  return told;
}

describe('a simulated runtime socket', () => {
  it('is led to the same states by the same passes as HAProxy', async () => {
    expect(await story(at.simulated)).toEqual(await story(at.real));
    expect(simulated.writers).toBeGreaterThan(0);
  });

  it('gives the same replies to what is wrong, and to what is not there', async () => {
    const lines = [
      'show servers state nothing',
      'show servers conn nothing',
      'show env NOTHING_HAS_THIS_NAME',
      'set server web/nothing weight 1',
      'add server web/10.0.0.4:80 10.0.0.4:80 id 99',
      'add server nothing/a 10.0.0.4:80 id 4',
      'del server web/10.0.0.4:80',
      'show servers state api',
    ];
    const plain = async (runtime: RuntimeAddress | undefined) =>
      withRuntime(runtime ?? { kind: 'unix', path: '' }, async (connection) =>
        (await connection.send(lines)).map((reply) => reply.replace(/\.?\n*$/, '').replace(/^(\[3\]: .*?) ?$/, '$1')),
      );
    expect(await plain(at.simulated)).toEqual(await plain(at.real));
  });

  it('is seen as a HAProxy 2.6 without our files', async () => {
    const [one, other] = await Promise.all(
      [at.simulated, at.real].map((runtime) => withRuntime(runtime ?? { kind: 'unix', path: '' }, observeProxy)),
    );
    expect(one).toMatchObject({ stopping: false, identity: { stamp: null, pid: 4_711 } });
    expect([...(one?.backends ?? [])].sort()).toEqual([...(other?.backends ?? [])].filter((name) => BACKENDS.includes(name)).sort());
  });
});
