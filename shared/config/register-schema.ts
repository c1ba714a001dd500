/** PURE. The keys of one entry of `register`: what this host registers, and the checks that must pass for it. */
import { isIP } from 'node:net';
import { z } from 'zod';
import { MAX_CONN_MAX } from '../model/server-options.ts';
import { classify, parseAddress } from '../znode/address.ts';
import * as haproxyValue from './haproxy-values.ts';
import * as value from './values.ts';

const ENTRIES_MAX = 2_000;
const CHECKS_MAX = 8;
const HEADERS_MAX = 16;
const WORDS_MAX = 64;
const WORD_LENGTH_MAX = 4_096;
/** As much as our own readers take. */
const LABELS_MAX = { count: 64, characters: 4_096 };
export const WEIGHT_MAX = 256;
/** Each may be an instance of its own. */
const PORTS_MAX = 1_000;
const PORTS = `a port or a range of at most ${PORTS_MAX}, such as 8000-8099`;
type PortRange = readonly [from: number, to: number];

const TLS = value.map({
  verify: value.word(['required', 'none']).prefault('required').describe('Whether the certificate must be one that is trusted.'),
  ca: value.filePath().optional().describe('Who must have signed it (PEM). Default: the authorities that Node knows.'),
  serverName: haproxyValue
    .hostName()
    .optional()
    .describe("The name that is asked for, and in the certificate. Default: the check's address."),
});

const check = value.map({
  http: haproxyValue.httpRequest().optional().describe('An HTTP request: method and path; with `tls` by HTTPS.'),
  tcp: z.literal(true, { error: 'true' }).optional().describe('A connection is enough. So it is when no kind is said.'),
  redis: z.literal(true, { error: 'true' }).optional().describe('Redis answers PING.'),
  grpc: z
    .union([z.literal(true), z.string().regex(/^[\x21-\x7e]{1,200}$/)], { error: 'true, or the name of a gRPC service' })
    .optional()
    .describe('The standard health service (grpc.health.v1) says SERVING: of the server (`true`), or of the service that is named.'),
  exec: value
    .list(
      z
        .string({ error: 'a text' })
        .regex(/^[^\0]+$/, { error: 'a text' })
        .max(WORD_LENGTH_MAX, { error: 'a shorter text' }),
      1,
      WORDS_MAX,
    )
    .optional()
    .describe('A program and its arguments, run without a shell: exit code 0 is good. It sees PATH, HOME, LANG and TZ of our environment.'),
  tls: TLS.optional().describe('For `http` and `grpc`.'),
  host: haproxyValue.hostName().optional().describe('The Host header of `http`. Default: where the check goes.'),
  headers: z
    .record(haproxyValue.token('a header name'), haproxyValue.headerValue(), { error: 'a map of header values by name' })
    .refine((headers) => Object.keys(headers).length <= HEADERS_MAX, { error: `at most ${HEADERS_MAX} headers` })
    .optional()
    .describe('More headers of `http`.'),
  expect: value
    .map({
      status: haproxyValue.statusCodes().prefault('200-399').describe('Codes and ranges, such as 200 or "200-299,401".'),
      body: haproxyValue.plainText().optional().describe('A text that must be within the first 64 kB of the body.'),
    })
    .optional()
    .describe('What `http` takes for a good answer; all that is said must hold.'),
  auth: value
    .map({
      user: haproxyValue.token('a user name').optional().describe('The user.'),
      password: z
        .string({ error: 'a password' })
        .min(1, { error: 'a password' })
        .describe('Best taken from the environment. Never printed.'),
    })
    .optional()
    .describe('The login of `redis`.'),
  address: haproxyValue
    .hostName()
    .or(haproxyValue.ipAddress())
    .optional()
    .describe("Where the check goes. Default: the instance's own address."),
  port: value.count(1, 65_535).optional().describe("The port that it goes to. Default: the instance's own."),
  interval: value.duration('100ms', '1h').prefault('2s').describe('From the start of one check to that of the next; never two at once.'),
  timeout: value.duration('10ms', '5m').prefault('1s').describe('A check that is not done by then has failed.'),
  rise: value.count(1, 100).prefault(2).describe('Good checks in a row that make it pass.'),
  fall: value.count(1, 100).prefault(3).describe('Failed checks in a row that make it fail.'),
});

/** Of an entry, and of what a service says of itself. */
export const registerLabels = z
  .record(z.string().regex(/^\S{1,128}$/, { error: 'the name of a label' }), z.string({ error: 'text' }), { error: 'a map of labels' })
  .refine((map) => Object.keys(map).length <= LABELS_MAX.count, { error: `at most ${LABELS_MAX.count} labels` })
  .refine((map) => Object.entries(map).flat().join('').length <= LABELS_MAX.characters, {
    error: `labels of at most ${LABELS_MAX.characters} characters`,
  });

/** ms that a request of a service that registers itself counts, unless it or its entry says otherwise. */
export const REGISTER_TTL = 10_000;

/** How long one may count. */
export function registerTtl() {
  return value.duration('1s', '5m');
}

/** What a service that registers itself may say otherwise than its entry. */
const allow = value.map({
  ports: z
    .union([value.count(1, 65_535).transform((port): PortRange => [port, port]), value.parsed(PORTS, /^\d{1,5}(-\d{1,5})?$/, portRange)], {
      error: PORTS,
    })
    .optional()
    .describe('Ports beside that of `address`.'),
  ttl: registerTtl().optional().describe('How long a request may count at most. Default: the `ttl` of the entry.'),
  weight: value.count(0, WEIGHT_MAX).optional().describe("The highest weight. Default: the entry's own."),
  labels: value
    .list(z.string().regex(/^\S{1,128}$/, { error: 'the name of a label' }), 1, LABELS_MAX.count)
    .optional()
    .describe('Names of labels that it may set; those of the entry stay as they are.'),
});

const entry = value.map({
  service: value.nameText().describe('The service that it is an instance of; what `pointsman down` names.'),
  path: value.znodePath().describe("The parent of the instances' znodes, under the chroot if there is one. What is missing of it is made."),
  address: value
    .parsed('host:port, such as 10.0.0.5:8080 or "[2001:db8::5]:8080", that others can connect to', /^\S+:\d{1,5}$/, (text) => {
      const parsed = parseAddress(text);
      if (!parsed.ok) return null;
      const { host } = parsed.address;
      return isIP(host) === 0 || ['public', 'loopback'].includes(classify(host)) ? parsed.address : null;
    })
    .describe('Where the instance is reached: an IP address or a host name, and a port.'),
  by: value
    .word(['host', 'service'])
    .prefault('host')
    .describe(
      'Who registers it: this host while the checks pass; or the service itself, by HTTP (`registrar.listen`) or under `pointsman exec`.',
    ),
  ttl: registerTtl()
    .optional()
    .describe(
      'With `by: service`: how long a request counts that says no other. Not renewed by then, the instance is removed at once. Default: 10s.',
    ),
  allow: allow.optional().describe('With `by: service`: what it may say otherwise than this entry.'),
  format: value
    .word(['address', 'nerve', 'serverset', 'curator'])
    .prefault('address')
    .describe('How the znode is written (docs/registration.md).'),
  id: z
    .string({ error: 'a name' })
    .regex(/^[A-Za-z0-9_-][A-Za-z0-9_.-]{0,63}$/, { error: 'a name of at most 64 letters, digits, `_`, `.`, `-`' })
    .optional()
    .describe("The instance's own name in the formats `nerve` and `curator`. Default: made of its address."),
  weight: value
    .count(0, WEIGHT_MAX)
    .optional()
    .describe('Its weight. A serverset has none. Default: it says none, which counts as 1 unless the reading service has another default.'),
  options: value
    .map({
      backup: z.literal(true, { error: 'true' }).optional().describe('It stands by while others are up.'),
      disabled: z.literal(true, { error: 'true' }).optional().describe('It gets no requests.'),
      maxconn: value.count(1, MAX_CONN_MAX).optional().describe('Connections to it at once.'),
      weight: value.count(0, WEIGHT_MAX).optional().describe('A weight that counts in place of the other.'),
    })
    .optional()
    .describe(
      'What it asks for of its server in the format `nerve` (haproxy_server_options); the reading service says what of it counts (`server.options`).',
    ),
  labels: registerLabels.optional().describe('Its labels: metadata of a serverset and of Curator.'),
  acl: value
    .word(['open', 'read', 'private'])
    .prefault('open')
    .describe(
      'Who may do what with the znode: everybody; everybody may read and only `zookeeper.auth` change it; only `zookeeper.auth` do either.',
    ),
  drain: value
    .duration('0ms', '5m')
    .prefault('2s')
    .describe('When pointsman stops or `pointsman down` says so, how long it is offered without new requests before its znode goes.'),
  warmUp: value.duration('1s', '1h').optional().describe('Its weight rises to its own in ten steps over this time.'),
  check: z
    .union([z.literal('none', { error: 'none' }), check, value.list(check, 1, CHECKS_MAX)], {
      error: 'none, a map with http, tcp, redis, grpc or exec, or a list of such maps',
    })
    .optional()
    .describe(
      'The check that must pass, or several of them, all of which must. `none`: it is registered while pointsman runs. Default: `tcp`; with `by: service` none.',
    ),
});

/** All of `register`. */
export const registerSchema = value.list(entry, 0, ENTRIES_MAX);

/** All of `registrar`. */
export const registrarSchema = value.map({
  state: value
    .filePath()
    .prefault('/var/lib/pointsman')
    .describe('A folder for what this host keeps: which services `pointsman down` took out.'),
  listen: value
    .listenParts()
    .optional()
    .describe('Where services of this host register themselves by HTTP: entries with `by: service`. Loopback only.'),
  token: z
    .string({ error: 'a text' })
    .regex(/^[\x21-\x7e]{8,512}$/, { error: 'a text of 8 to 512 printable characters without blanks' })
    .optional()
    .describe('What a request has to bring: `Authorization: Bearer …`. Best taken from the environment or a file. Never printed.'),
});

export type RegisterSection = z.output<typeof entry>;
export type RegisterCheckSection = z.output<typeof check>;
export type RegistrarSection = z.output<typeof registrarSchema>;

/** The kinds of check that one says; none: it is tcp. */
export const CHECK_KINDS = ['http', 'tcp', 'redis', 'grpc', 'exec'] as const;

export function kindsOf(section: RegisterCheckSection): (typeof CHECK_KINDS)[number][] {
  return CHECK_KINDS.filter((kind) => section[kind] !== undefined);
}

/** By number; none for `none`. */
export function checksOf({ check: said, by }: Pick<RegisterSection, 'check' | 'by'>): readonly RegisterCheckSection[] {
  if (said === 'none' || (said === undefined && by === 'service')) return [];
  if (said === undefined) return [check.parse({})];
  return Array.isArray(said) ? said : [said];
}

function portRange(text: string): PortRange | null {
  const [from = 0, to = from] = text.split('-').map(Number);
  return from >= 1 && to <= 65_535 && from <= to && to - from < PORTS_MAX ? [from, to] : null;
}
