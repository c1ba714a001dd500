/**
 * PURE. Every key of pointsman.yaml, its kind, its default (the only place where defaults stand) and its meaning. The JSON Schema
 * for editors and the table in docs/configuration.md are made from this. A key whose function is not built is not here, so that
 * it is refused as unknown. Rules across keys are in rules.ts.
 */
import { z } from 'zod';
import { discoverSchema } from './discover-schema.ts';
import * as haproxyValue from './haproxy-values.ts';
import { registerSchema, registrarSchema } from './register-schema.ts';
import { serviceSchema } from './service-schema.ts';
import * as value from './values.ts';

const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;
/** A reload argv longer than this is a mistake. */
const COMMAND_WORDS_MAX = 64;
const GLOBS_MAX = 1000;
const EVENTS_MAX = 100_000_000;

const zookeeper = value.map({
  connect: value
    .connectString()
    .describe('Zookeeper servers, with an optional chroot (which must exist). A server without a port gets 2181.'),
  root: value.znodePath().prefault('/pointsman').describe("The parent of pointsman's own nodes: election, operators' intents."),
  sessionTimeout: value.duration('1s', '10m').prefault('10s').describe('The session timeout that is asked of Zookeeper.'),
  auth: value
    .map({
      scheme: value.word(['digest']).describe('The authentication scheme.'),
      credentials: z
        .string({ error: '`user:password`' })
        .regex(/^[^:]+:.+$/s, { error: '`user:password`' })
        .describe('`user:password`, best taken from the environment or from a file. Never printed.'),
    })
    .optional()
    .describe('Credentials for the session; without it the session is anonymous.'),
});

const redis = value.map({
  url: value.redisUrl().describe('The Redis server. A password in it is never printed.'),
  prefix: value.nameText().prefault('pointsman').describe('The first part of every key.'),
});

const haproxy = value.map({
  binary: value.binary().prefault('haproxy').describe('The haproxy program, by name or path: validates files, and runs with `start`.'),
  drainTimeout: value.duration('0ms', '7d').prefault('30s').describe('How long a server that leaves may finish its requests.'),
  override: value
    .word(['respect', 'repair'])
    .prefault('respect')
    .describe(
      'What somebody set on HAProxy by hand (drain, maint, weight, address, maxconn; a server added or deleted) is left so and shown, or put back.',
    ),
  reload: value
    .map({
      minInterval: value.duration('0ms', '1h').prefault('2s').describe('At least this long between two reloads of one proxy.'),
      jitter: value.share().prefault(0.2).describe('Up to this share of minInterval is added at random.'),
      hardStopAfter: value
        .duration('1s', '7d')
        .prefault('5m')
        .describe("HAProxy's hard-stop-after: an old worker ends after this time at the latest."),
      maxReloads: value
        .count(1, 1000)
        .prefault(50)
        .describe(
          "HAProxy's mworker-max-reloads: the reloads that an old worker may outlive. The next one cuts the requests that it still has.",
        ),
    })
    .prefault({})
    .describe('How reloads are paced.'),
  rollout: value
    .map({
      maxUnavailable: value
        .countOrShare(1, 10_000)
        .prefault(1)
        .describe('Proxies that reload at once: a count, or below 1 a share of the proxies that are heard of (at least one).'),
      stopOnFailure: value.truth().prefault(true).describe('What failed at one proxy is not loaded by the others.'),
    })
    .prefault({})
    .describe('How options that need a reload go over a fleet. A change of instances never waits for it.'),
  defaults: value
    .map({
      timeouts: value
        .map({
          connect: value.duration('1ms').prefault('5s').describe("HAProxy's timeout connect."),
          client: value.duration('1ms').prefault('50s').describe("HAProxy's timeout client."),
          server: value.duration('1ms').prefault('50s').describe("HAProxy's timeout server."),
          check: value.duration('1ms').prefault('1s').describe("HAProxy's timeout check."),
        })
        .prefault({})
        .describe('Timeouts of the managed sections.'),
      retries: value.count(0, 100).prefault(3).describe("HAProxy's retries."),
      redispatch: value.truth().prefault(true).describe('A retry may go to another server (option redispatch).'),
      retryOn: haproxyValue
        .retryOn()
        .prefault('conn-failure')
        .describe(
          "HAProxy's retry-on words, with blanks between them. A request that was sent is sent again only if these name its failure and it is a GET, HEAD or OPTIONS.",
        ),
    })
    .prefault({})
    .describe('What the managed sections take where a service says nothing.'),
});

/** One entry of `proxies`, by its id. */
export const proxySchema = value.map({
  runtime: value
    .runtimeTarget()
    .describe(
      'The runtime socket (`stats socket … level admin`), or `tls://` where a `bind … ssl` of HAProxy passes connections on to it.',
    ),
  runtimeTls: value
    .map({
      ca: value
        .filePath()
        .optional()
        .describe("Who must have signed HAProxy's certificate (PEM). Default: the authorities that Node knows."),
      cert: value.filePath().optional().describe('Our certificate (PEM), for a `bind` with `verify required`.'),
      key: value.filePath().optional().describe('Its key (PEM).'),
      serverName: value.hostName().optional().describe("The name in HAProxy's certificate. Default: the host of `runtime`."),
    })
    .optional()
    .describe('For `tls://`. The files are read again when they change.'),
  master: value.socketAddress().optional().describe("For reloads: the master's socket (`haproxy -W -S`)."),
  reloadCommand: value
    .list(z.string({ error: 'a text' }).regex(/^[^\0]+$/, { error: 'a text' }), 1, COMMAND_WORDS_MAX)
    .optional()
    .describe('For reloads: a command and its arguments, run without a shell.'),
  pidFile: value.filePath().optional().describe('For reloads: a new process takes over with `-sf $(cat pidFile)`.'),
  base: value.filePath().optional().describe("The operator's own file: read, never written."),
  managed: value
    .filePath()
    .optional()
    .describe("Pointsman's folder: HAProxy runs with `-f base -f managed`. Required but for runtimeOnly."),
  start: value.truth().prefault(false).describe('Pointsman starts and supervises `haproxy -W` itself.'),
  runtimeOnly: value
    .truth()
    .prefault(false)
    .describe('No files and no reloads: only the runtime socket. The keys for those are then not used.'),
  pool: value.nameText().optional().describe("The workers that reach this proxy. Default: the proxy's id."),
  http: value
    .map({ listen: value.listen().describe('Its address and port.') })
    .optional()
    .describe('The shared HTTP frontend: where the services with `host` or `pathPrefix` are reached.'),
  services: value.list(value.nameGlob(), 1, GLOBS_MAX).prefault(['*']).describe('The services that this proxy carries, by name or glob.'),
});

const dashboard = value.map({
  listen: value.listenParts().describe('Loopback only.'),
});

const metrics = value.map({
  listen: value.listenParts().describe('Where Prometheus reads what this process alone knows: what it registers.'),
});

const log = value.map({
  level: value.word(LOG_LEVELS).prefault('info').describe('The least level that is logged.'),
  retain: value
    .map({
      age: value.duration('1m', '3650d').prefault('7d').describe('Events older than this may go.'),
      events: value.count(100, EVENTS_MAX).prefault(100_000).describe('Events of one service, or of one proxy, at most.'),
      bytes: value.size('1MB', '1024GB').prefault('256MB').describe('What all event logs take in Redis together, at most.'),
    })
    .prefault({})
    .describe(
      'How much of the event logs is kept, whichever comes first. Cut in steps, so that half of it or more can be replayed; what is not yet folded stays.',
    ),
});

export const configSchema = value.map({
  zookeeper: zookeeper.describe('The registry.'),
  redis: redis.describe('Where state, event logs and queues are.'),
  haproxy: haproxy.nullish().describe('Defaults for every proxy.'),
  proxies: value.named(proxySchema, 'proxies').nullish().describe('The HAProxies that this host reaches.'),
  services: value.named(serviceSchema, 'services').nullish().describe('The services, each a backend (and frontend) of that name.'),
  discover: discoverSchema.nullish().describe('Services that are found by themselves. A configured service of that name or path wins.'),
  register: registerSchema.nullish().describe('What this host registers (docs/registrar.md).'),
  registrar: registrarSchema.nullish().describe('How the registrar runs.'),
  dashboard: dashboard.nullish().describe('The dashboard; absent: none.'),
  metrics: metrics.nullish().describe("Metrics of a host that has no dashboard, or whose Redis is away; absent: none but the dashboard's."),
  log: log.nullish().describe('Logging.'),
});

/** The sections in their own right, so that one bad section does not keep the others from being checked. */
export const sectionSchemas = {
  zookeeper,
  redis,
  haproxy,
  discover: discoverSchema,
  register: registerSchema,
  registrar: registrarSchema,
  dashboard,
  metrics,
  log,
} as const;

export type ZookeeperSection = z.output<typeof zookeeper>;
export type RedisSection = z.output<typeof redis>;
export type HaproxySection = z.output<typeof haproxy>;
export type DashboardSection = z.output<typeof dashboard>;
export type MetricsSection = z.output<typeof metrics>;
export type LogSection = z.output<typeof log>;
export type ProxySection = z.output<typeof proxySchema>;
