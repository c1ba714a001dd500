/** A Synapse config becomes a pointsman.yaml that `check` accepts; each of its options has a line. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { migrateSynapse } from '../../cli/migrate/synapse.ts';
import { yamlText } from '../../cli/migrate/yaml-text.ts';
import type { ServiceConfig } from '../../shared/model/service-config.ts';
import { configOf } from '../support/config-text.ts';
import { runs } from '../support/property.ts';
import { read } from '../support/tree.ts';

const FOLDER = 'test/fixtures/migrate/synapse';
const EVERY_OPTION = `${FOLDER}/every-option.json`;

/** Parsed as `check` parses it: throws when it would refuse. */
function migrated(old: unknown, portOffset = 0) {
  const draft = migrateSynapse(old, { portOffset });
  const text = yamlText(draft.config, 'a test');
  const config = configOf(text);
  const service = (name: string): Partial<ServiceConfig> => config.services.find((one) => one.name === name) ?? {};
  const fates = (option: string): string[] => draft.notes.filter((note) => note.option.startsWith(option)).map(({ fate }) => fate);
  return { draft, text, config, service, fates };
}

const zookeeper = (more: object = {}) => ({ method: 'zookeeper', path: '/s', hosts: ['zk:2181'], ...more });
const one = (service: object, haproxy: object = {}) => migrated({ services: { s: { discovery: zookeeper(), ...service } }, haproxy });

describe('a config as Synapse has it', () => {
  it.each(['two-services', 'two-ensembles', 'one-frontend', 'service-folder'])('%s', (name) => {
    const old = JSON.parse(read(`${FOLDER}/config/${name}.json`)) as { services?: object };
    const { config, fates } = migrated(old);
    for (const service of Object.keys(old.services ?? {})) {
      if (config.services.some((carried) => carried.name === service)) continue;
      expect(fates(`services.${service}`)).toEqual(['left']);
    }
  });

  it('keeps port, path, check and mode', () => {
    const { service } = migrated(JSON.parse(read(`${FOLDER}/config/two-services.json`)));
    expect(service('billing')).toMatchObject({
      path: '/fleet/billing',
      listen: '127.0.0.1:4102',
      mode: 'http',
      check: { type: 'http', method: 'OPTIONS', path: '/ready', interval: 3_000, rise: 2, fall: 4 },
    });
  });
});

describe('a config with every documented option', () => {
  const old = JSON.parse(read(EVERY_OPTION)) as { services: Record<string, object>; haproxy: Record<string, unknown> };
  const { config, draft, service, fates } = migrated(old);

  it('carries what it can of the services that it can', () => {
    expect(config.services.map(({ name }) => name).sort()).toEqual(['backend-only', 'queue', 'same-port', 'socket', 'tls-port', 'web']);
    expect(service('web')).toMatchObject({
      listen: '127.0.0.2:3213',
      host: 'web.lb.example.com',
      where: { az: { not: ['us-east-1a', 'us-east-1b'] }, canary: { exists: false }, cluster: { in: ['dev'] } },
      check: { type: 'http', host: 'web.internal', fall: 2, fastInterval: 500 },
      fallback: ['10.0.9.8:80', '127.0.0.1:8423', '10.0.9.9:8080'],
      retries: 2,
      redispatch: false,
    });
    expect(service('queue')).toMatchObject({ format: 'serverset', endpoint: 'admin', mode: 'tcp', path: '/nerve/services/queue/services' });
    expect(config.zookeeper.connect).toBe('zk1.example.com:2181,zk2.example.com:2181');
  });

  it('has a line for each option, also for those of plug-ins', () => {
    const options = [
      ...Object.entries(old.haproxy).map(([key]) => `haproxy.${key}`),
      ...Object.keys(old).filter((key) => key !== 'services' && key !== 'haproxy'),
      ...Object.entries(old.services).flatMap(([name, value]) => {
        if (fates(`services.${name}`).length === 1) return [`services.${name}`];
        const below = (key: string): object => ((value as Record<string, unknown>)[key] ?? {}) as object;
        return [
          ...Object.keys(value).map((key) => `services.${name}.${key}`),
          ...Object.keys(below('haproxy')).map((key) => `services.${name}.haproxy.${key}`),
          ...Object.keys(below('discovery')).map((key) => `services.${name}.discovery.${key}`),
        ];
      }),
    ];
    const told = (option: string): boolean => draft.notes.some((note) => note.option.startsWith(option));
    expect(options.length).toBeGreaterThan(80);
    expect(options.filter((option) => !told(option))).toEqual([]);
  });

  it.each([
    ['other-ensemble', /far\.example\.com/],
    ['leader', /leader_election/],
    ['moved-port', /backend_port_override/],
    ['old-moved-port', /backend_port_override/],
    ['file-only', /disabled/],
    ['contradiction', /label a/],
    ['no name:here', /name/],
    ['mtls', /server/],
    ['static', /default servers/],
    ['names', /DNS/],
    ['containers', /Docker/],
    ['tasks', /Marathon/],
    ['several', /several watchers/],
  ])('leaves the whole of %s, with the reason', (name, why) => {
    const notes = draft.notes.filter((note) => note.option === `services.${name}` || note.option.startsWith(`services.${name}.`));
    expect(notes.map(({ fate }) => fate)).toEqual(['left']);
    expect(notes[0]?.why).toMatch(why);
  });
});

describe('requests never go to others than before', () => {
  it.each([
    ['an unknown condition', [{ label: 'a', value: '1', condition: 'like' }]],
    ['a value that no label can have', [{ label: 'a', value: { b: 1 }, condition: 'equals' }]],
    [
      'equals and not-equals of one value',
      [
        { label: 'a', value: '1', condition: 'equals' },
        { label: 'a', value: '1', condition: 'not-equals' },
      ],
    ],
    ['an empty value', [{ label: 'habitat:x', value: '', condition: 'equals' }]],
    ['a label that no rule can name', [{ label: 'a b', value: '1', condition: 'equals' }]],
  ])('%s leaves the service', (_, filters) => {
    expect(one({ discovery: zookeeper({ label_filters: filters }) }).config.services).toEqual([]);
  });

  it('a port with TLS is not opened without it', () => {
    expect(one({ haproxy: { port: 1, bind_options: 'ssl crt /x.pem' } }).service('s').listen).toBeNull();
  });

  it('a protocol that cannot be said leaves the service', () => {
    const { config, draft } = one({ haproxy: { server_options: 'check proto h2' } });
    expect(config.services).toEqual([]);
    expect(draft.notes.filter(({ option }) => option.startsWith('services.s'))).toMatchObject([{ fate: 'left', option: 'services.s' }]);
  });

  it('TLS to the servers is not left out alone', () => {
    expect(one({ haproxy: { server_options: 'check ssl crt x.pem' } }).config.services).toEqual([]);
    expect(
      one({ haproxy: { server_options: 'check ssl' } }, { global: ['ssl-server-verify none'] }).service('s').server?.tls,
    ).toMatchObject({ verify: 'none' });
  });

  it('a service without a mode is mode tcp, and one without `check` is not checked, as in HAProxy', () => {
    expect(one({ haproxy: { backend: ['option httpchk /x'] } }).service('s')).toMatchObject({ mode: 'tcp', check: { type: 'none' } });
  });
});

it('what registrations ask for counts as far as it can', () => {
  const fallback = { default_servers: [{ host: '10.0.0.9', port: 80 }] };
  expect(one({}).service('s').server?.options).toEqual(['backup', 'disabled', 'maxconn', 'weight']);
  expect(one(fallback).service('s')).toMatchObject({ fallback: ['10.0.0.9:80'], server: { options: ['disabled', 'maxconn', 'weight'] } });
  // What it costs where none asks, which the old config does not tell.
  const notes = [one({}), one(fallback)].map(
    ({ draft }) => draft.notes.find(({ option }) => option.endsWith(' haproxy_server_options'))?.why,
  );
  expect(notes).toEqual([
    expect.stringMatching(/take out `backup` and `maxconn` if none says it .*`show stat`/),
    expect.stringMatching(/take out `maxconn` if none says it .*`show stat`/),
  ]);
});

it.each([
  ['it says nothing', {}, {}, false],
  ['all of it says so', {}, { use_nerve_weights: true }, true],
  ['the service says so', { haproxy: { use_nerve_weights: true } }, {}, true],
  ['the service says otherwise', { haproxy: { use_nerve_weights: false } }, { use_nerve_weights: true }, false],
])('registered weights count as in Synapse: %s', (_what, service, haproxy, counts) => {
  expect(one(service, haproxy).service('s').weights?.registered ?? true).toBe(counts);
});

it('of hosts that nobody can connect to the service is left, and the rest is a config', () => {
  expect(one({ discovery: zookeeper({ hosts: ['0'] }) }).config.services).toEqual([]);
});

it('--port-offset moves every port, also that of the shared frontend', () => {
  const old = { services: { s: { discovery: zookeeper(), haproxy: { port: 3213 } } }, haproxy: { shared_frontend: ['bind :8081'] } };
  const { service, config } = migrated(old, 10_000);
  expect([service('s').listen, config.proxies[0]?.http?.listen]).toEqual(['127.0.0.1:13213', '*:18081']);
});

it('what looks like a placeholder in the old config is none', () => {
  const line = `http-request set-header X $\{HOME}`;
  expect(one({ haproxy: { port: 1, backend: ['mode http', line] } }).service('s').extra?.backend).toEqual([line]);
});

/** Anything at the places that are read, and elsewhere. */
const anything = fc.oneof(
  fc.jsonValue({ maxDepth: 3 }),
  fc.constantFrom(
    'ssl',
    'check',
    'mode http',
    'option httpchk',
    'cookie x insert',
    'zookeeper',
    '/a',
    '__proto__',
    '127.0.0.1:80',
    'timeout connect',
    '${',
    'http-check expect status x',
  ),
  fc.array(
    fc.constantFrom(
      'mode tcp',
      'cookie x insert',
      'balance uri',
      'option httpchk POST /x',
      'http-check expect string OK',
      'stats enable',
      'bind :80',
      'server a b backup',
    ),
  ),
);
const someOf = (keys: readonly string[]) => fc.dictionary(fc.oneof(fc.constantFrom(...keys), fc.string()), anything);
const anyService = fc
  .tuple(
    someOf(['default_servers', 'keep_default_servers', 'use_previous_backends']),
    someOf(['label_filters', 'label_filter', 'decode', 'generator_config_path', 'hosts', 'path']),
    someOf([
      'port',
      'server_options',
      'frontend',
      'backend',
      'listen',
      'bind_address',
      'bind_options',
      'shared_frontend',
      'use_nerve_weights',
    ]),
    fc.boolean(),
  )
  .map(([service, discovery, haproxy, real]) => ({ ...service, discovery: { ...(real ? zookeeper() : {}), ...discovery }, haproxy }));
const anyConfig = fc.record({
  services: fc.oneof(fc.dictionary(fc.oneof(fc.constantFrom('__proto__', 'a', 'b', 'constructor'), fc.string()), anyService), anything),
  haproxy: fc.oneof(
    someOf(['defaults', 'global', 'bind_address', 'shared_frontend', 'restart_interval', 'restart_jitter', 'extra_sections']),
    anything,
  ),
  other: anything,
});

it('whatever stands in it, the result is one that check accepts', () => {
  fc.assert(
    fc.property(anyConfig, (old) => {
      migrated(JSON.parse(JSON.stringify(old)));
    }),
    runs(300),
  );
});
