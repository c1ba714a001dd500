/** Registrations as real writers wrote them: Nerve 0.9.7 (the znodes of a run), the serverset of Aurora, Curator 5 and Spring Cloud Zookeeper (dumps of zkCli). */

/** Name, data, and what it means. */
export const NERVE: readonly (readonly [name: string, data: string, registration: object])[] = [
  [
    'i-01234abc_0000000005',
    '{"host":"127.0.0.1","port":24905,"name":"i-01234abc","weight":3,"haproxy_server_options":"maxconn 10","labels":{"az":"b"}}',
    { host: '127.0.0.1', address: '127.0.0.1', port: 24_905, weight: 3, labels: { az: 'b' }, options: { maxconn: 10 } },
  ],
  [
    'i-01234abc_',
    '{"host":"127.0.0.1","port":24908,"name":"i-01234abc"}',
    { host: '127.0.0.1', address: '127.0.0.1', port: 24_908, weight: 1, labels: {} },
  ],
  [
    'web-17_0000000001',
    '{"host":"web-17.local","port":"3000","name":"web-17","labels":{"region":"us-east-1","rack":4,"canary":false}}',
    { host: 'web-17.local', address: 'web-17.local', port: 3_000, weight: 1, labels: { canary: 'false', rack: '4', region: 'us-east-1' } },
  ],
  [
    // go-nerve's
    'node1_1.2.3.4_80_0000000002',
    '{"available":false,"unavailable_reason":"disabled by api","host":"1.2.3.4","port":80,"name":"node1","weight":255}',
    { host: '1.2.3.4', address: '1.2.3.4', port: 80, weight: 0, labels: {}, out: 'available: false (disabled by api)' },
  ],
];

export const NERVE_ENCODED = [
  'base64_72_eyJob3N0IjoiMTI3LjAuMC4xIiwicG9ydCI6MjQ5MDYsIm5hbWUiOiJpLTAxMjM0YWJjIn0=_0000000005',
  '{"host":"127.0.0.1","port":24906,"name":"i-01234abc"}',
] as const;

export const SERVERSET = {
  serviceEndpoint: { host: 'h1', port: 31_943 },
  additionalEndpoints: { http: { host: 'h1', port: 31_943 }, admin: { host: 'h1', port: 31_944 } },
  status: 'ALIVE',
  shard: 7,
  metadata: { zone: 'b' },
};

const URI_SPEC = { parts: [{ value: 'scheme', variable: true }] };

export const CURATOR = {
  name: 'orders',
  id: '92cd5b3d-2f5e-4b3c-9d2b-0f3b2b7a9c11',
  address: '192.168.0.102',
  port: 1_238,
  sslPort: null,
  payload: null,
  registrationTimeUTC: 1_639_586_726_475,
  serviceType: 'DYNAMIC',
  uriSpec: URI_SPEC,
};

export const SPRING = {
  ...CURATOR,
  address: 'DESKTOP-AUK8T9H',
  port: 8_080,
  payload: {
    '@class': 'org.springframework.cloud.zookeeper.discovery.ZookeeperInstance',
    id: 'application-1',
    name: 'orders',
    metadata: { '@class': 'java.util.HashMap', instance_status: 'UP', zone: 'b', weight: '7', nothing: null },
  },
};
