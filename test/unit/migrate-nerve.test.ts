/**
 * A Nerve config becomes `register` entries; each of its options has a line. What the entries have to look like is in
 * docs/configuration.md.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { migrateNerve } from '../../cli/migrate/nerve.ts';
import { yamlText } from '../../cli/migrate/yaml-text.ts';
import { configOf } from '../support/config-text.ts';
import { runs } from '../support/property.ts';
import { read } from '../support/tree.ts';

const FOLDER = 'test/fixtures/migrate/nerve';

interface Migrated {
  readonly zookeeper: { readonly connect: string };
  readonly register?: readonly Record<string, unknown>[];
}

function migrated(old: unknown) {
  const draft = migrateNerve(old);
  const text = yamlText(draft.config, 'a test');
  configOf(text);
  const config = parse(text) as Migrated;
  return { draft, config, entries: config.register ?? [], why: (option: string) => draft.notes.filter((note) => note.option === option) };
}

const service = (more: object = {}) => ({
  host: '10.0.0.5',
  port: 3000,
  zk_hosts: ['zk:2181'],
  zk_path: '/s',
  checks: [{ type: 'tcp' }],
  ...more,
});
const one = (more: object = {}) => migrated({ instance_id: 'i-1', services: { s: service(more) } });

it("a host's whole config", () => {
  const services = (JSON.parse(read(`${FOLDER}/host/nerve.json`)) as { services: object }).services;
  const { entries, config, draft } = migrated({ instance_id: 'host-17', services });
  expect(config.zookeeper.connect).toBe('10.3.0.11:2181');
  expect(entries).toEqual([
    {
      service: 'orders',
      path: '/fleet/orders',
      address: '10.3.1.7:8090',
      format: 'nerve',
      id: 'host-17',
      check: { http: 'GET /ready', interval: '3s', timeout: '300ms', rise: 2, fall: 4 },
    },
    {
      service: 'cache',
      path: '/fleet/cache',
      address: '10.3.1.7:6379',
      format: 'nerve',
      id: 'host-17',
      check: { tcp: true, interval: '3s', timeout: '300ms', rise: 2, fall: 4 },
    },
    {
      service: 'queue',
      path: '/fleet/queue',
      address: '10.3.1.7:5672',
      format: 'nerve',
      id: 'host-17',
      check: { tcp: true, interval: '3s', timeout: '100ms', rise: 1, fall: 1 },
    },
  ]);
  expect(draft.notes.find(({ option }) => option === 'services.queue.checks.0.type')?.fate).toBe('changed');
});

describe('a config with every documented option', () => {
  const everything = {
    instance_id: 'i-01234abc',
    heartbeat_path: '/var/run/nerve',
    max_repeated_report_failures: 10,
    statsd: { host: 'localhost' },
    of_a_fork: 1,
    services: {
      web: service({
        reporter_type: 'zookeeper',
        zk_path: '/web/',
        check_interval: 0.25,
        check_mocked: false,
        weight: '7',
        haproxy_server_options: 'backup maxconn 50 inter 2s',
        labels: { az: 'b', rack: 4, nested: { a: 1 } },
        rate_limiting: { shadow_mode: false, average_rate: 1, max_burst: 2 },
        use_path_encoding: true,
        node_type: 'persistent_sequential',
        ttl_seconds: 30,
        of_a_fork: 1,
        checks: [
          {
            type: 'http',
            name: 'health',
            host: '127.0.0.1',
            port: 3001,
            uri: '/health',
            timeout: 0.2,
            read_timeout: 1,
            open_timeout: 0.2,
            ssl: true,
            ssl_timeout: 0.2,
            headers: { Host: 'web.internal', 'X-Probe': 'nerve' },
            expect: 'OK',
            rise: 3,
            fall: 2,
          },
          { type: 'redis', port: 6379 },
          { type: 'noop' },
        ],
      }),
      mocked: service({ check_mocked: true, node_type: 'ephemeral' }),
      etcd: service({ reporter_type: 'etcd', etcd_host: 'e', etcd_port: 4001, etcd_path: '/x' }),
      gem: service({ checks: [{ type: 'tcp' }, { type: 'kafka', module: 'nerve-watcher-kafka' }] }),
      far: service({ zk_hosts: ['far:2181'] }),
    },
  };
  const { entries, draft } = migrated(everything);

  it('carries what it can', () => {
    expect(entries).toEqual([
      {
        service: 'web',
        path: '/web',
        address: '10.0.0.5:3000',
        format: 'nerve',
        id: 'i-01234abc',
        weight: 7,
        options: { backup: true, maxconn: 50 },
        labels: { az: 'b', rack: '4' },
        check: [
          {
            http: 'GET /health',
            tls: { verify: 'none' },
            expect: { body: 'OK' },
            host: 'web.internal',
            headers: { 'X-Probe': 'nerve' },
            address: '127.0.0.1',
            port: 3001,
            interval: '250ms',
            timeout: '1s',
            rise: 3,
            fall: 2,
          },
          { redis: true, port: 6379, interval: '250ms', timeout: '100ms', rise: 1, fall: 1 },
        ],
      },
      { service: 'mocked', path: '/s', address: '10.0.0.5:3000', format: 'nerve', check: 'none' },
    ]);
  });

  it('has a line for each option', () => {
    const told = (option: string): boolean => draft.notes.some((note) => note.option.startsWith(option));
    const { web } = everything.services;
    const options = [
      ...Object.keys(everything).filter((key) => key !== 'services'),
      ...Object.keys(everything.services).map((name) => `services.${name}`),
      ...Object.keys(web).map((key) => `services.web.${key}`),
      ...web.checks.flatMap((check, index) =>
        check.type === 'noop' ? [] : Object.keys(check).map((key) => `services.web.checks.${index}.${key}`),
      ),
    ];
    expect(options.filter((option) => !told(option))).toEqual([]);
  });

  it.each([
    ['etcd', /etcd/],
    ['gem', /kafka/],
    ['far', /far:2181/],
  ])('leaves the whole of %s, with the reason', (name, why) => {
    const notes = draft.notes.filter((note) => note.option.startsWith(`services.${name}`));
    expect(notes.map(({ fate }) => fate)).toEqual(['left']);
    expect(notes[0]?.why).toMatch(why);
  });
});

describe('the znode', () => {
  it('has the name of a Nerve that runs beside it only where that one numbers its own', () => {
    expect(one().entries[0]?.['id']).toBe('i-1');
    expect(one({ node_type: 'ephemeral' }).entries[0]).not.toHaveProperty('id');
  });

  it('is named by the address where several services of a host share a path', () => {
    const { entries } = migrated({ instance_id: 'i-1', services: { a: service(), b: service({ port: 3001 }) } });
    expect(entries.map((entry) => entry['id'])).toEqual([undefined, undefined]);
  });

  it('has no weight that no reader takes', () => {
    expect(one({ weight: 300 }).entries[0]).not.toHaveProperty('weight');
    expect(one({ weight: 0 }).entries[0]?.['weight']).toBe(0);
  });
});

it('a service without checks is registered as long as pointsman runs, as by Nerve', () => {
  expect(one({ checks: [] }).entries[0]?.['check']).toBe('none');
});

it('whatever stands in it, there is a text', () => {
  const anyService = fc.dictionary(
    fc.oneof(fc.constantFrom(...Object.keys(service()), 'labels', 'weight', 'node_type'), fc.string()),
    fc.jsonValue(),
  );
  const anyConfig = fc.record({
    instance_id: fc.jsonValue(),
    services: fc.oneof(fc.dictionary(fc.string(), fc.oneof(anyService, anyService.map(service))), fc.jsonValue()),
  });
  fc.assert(
    fc.property(anyConfig, (old) => {
      expect(migrated(JSON.parse(JSON.stringify(old))).entries.every((entry) => typeof entry['path'] === 'string')).toBe(true);
    }),
    runs(300),
  );
});
