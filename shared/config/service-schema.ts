/** PURE. The keys of one entry of `services`, as schema.ts has those of the rest. */

import type { z } from 'zod';
import { WEIGHT_MAX } from '../model/desired.ts';
import { FALLBACKS_MAX } from '../model/file-server.ts';
import { SCALE_MAX } from '../model/weights.ts';
import { checkSchema } from './check-schema.ts';
import * as haproxyValue from './haproxy-values.ts';
import { pathSchema } from './path-schema.ts';
import { serverSchema } from './server-schema.ts';
import * as value from './values.ts';
import { preferSchema, whereSchema } from './where-schema.ts';

const CIDRS_MAX = 256;
/** The numeric ids of servers end at 1,000,000 and are kept while an address may come back; half of them may be in use. */
const INSTANCES_MAX = 500_000;
/** Fewer than a snapshot remembers. */
const FLAPS_MAX = 31;
const EXTRA_LINES_MAX = 100;

/** One entry of `services`, by its name. */
export const serviceSchema = value.map({
  path: pathSchema,
  format: value
    .word(['auto', 'address', 'nerve', 'serverset', 'curator'])
    .prefault('auto')
    .describe('How registrations are read (docs/registration.md). `auto` looks at each one.'),
  endpoint: haproxyValue
    .token('the name of an endpoint, such as admin')
    .optional()
    .describe("A named endpoint of the registrations: of a serverset's `additionalEndpoints`, or `ssl` for Curator's sslPort."),
  where: whereSchema,
  prefer: preferSchema,
  farWeight: value
    .part()
    .optional()
    .describe(
      'With `prefer`: the others take requests all the time, with this share of their weight, as 0.1. Weights are multiplied so that it can be said (docs/registration.md).',
    ),
  weights: value
    .map({
      registered: value
        .truth()
        .prefault(true)
        .describe('Whether registered weights count; false: only whether they are 0, which takes no requests in any case.'),
      default: value
        .count(1, WEIGHT_MAX)
        .prefault(1)
        .describe('What counts of a registration that says no weight, and of all with `registered: false`.'),
      scale: value
        .factor(SCALE_MAX)
        .prefault(1)
        .describe('Weights are multiplied by it, also the default; 0 stays 0, and others come to 1 at least.'),
      max: value.count(1, WEIGHT_MAX).prefault(WEIGHT_MAX).describe('An instance gets no more than this, whatever it registers.'),
    })
    .optional()
    .describe("How registered weights become those of HAProxy's servers. A change is live."),
  listen: value.listen().optional().describe("The frontend's address and port. Without it the service is a backend only."),
  host: haproxyValue
    .routeHost()
    .optional()
    .describe('Requests for this host come to it through the shared HTTP frontend (`proxies.<id>.http`), in whatever case they write it.'),
  pathPrefix: haproxyValue
    .pathPrefix()
    .optional()
    .describe(
      'Of these, or of all hosts that no service has, those at or below this path: the longest prefix wins. The path stays as it is.',
    ),
  mode: value.word(['http', 'tcp']).prefault('http').describe("HAProxy's mode."),
  balance: haproxyValue
    .balance()
    .prefault('roundrobin')
    .describe('The load-balancing algorithm; `source` and `uri` with `hash-type consistent`.'),
  check: checkSchema,
  timeouts: value
    .map({
      connect: value.duration('1ms').optional().describe('Default: haproxy.defaults.timeouts.connect.'),
      client: value.duration('1ms').optional().describe('Default: haproxy.defaults.timeouts.client.'),
      server: value.duration('1ms').optional().describe('Default: haproxy.defaults.timeouts.server.'),
      check: value.duration('1ms').optional().describe('Default: haproxy.defaults.timeouts.check.'),
      queue: value.duration('1ms').optional().describe("HAProxy's timeout queue. Default: HAProxy's own (timeout connect)."),
    })
    .prefault({})
    .describe("The service's own timeouts."),
  server: serverSchema,
  cookie: value
    .map({ name: haproxyValue.token('a cookie name').describe("The cookie's name.") })
    .optional()
    .describe('Sessions stay with a server by a cookie that HAProxy inserts (mode http).'),
  retries: value.count(0, 100).optional().describe("HAProxy's retries. Default: haproxy.defaults.retries."),
  redispatch: value.truth().optional().describe('A retry may go to another server. Default: haproxy.defaults.redispatch.'),
  retryOn: haproxyValue.retryOn().optional().describe("HAProxy's retry-on words. Default: haproxy.defaults.retryOn."),
  fallback: value
    .list(haproxyValue.serverAddress(), 1, FALLBACKS_MAX)
    .optional()
    .describe('Servers that take requests while no registered one does (HAProxy backup servers), as address:port.'),
  extra: value
    .map({
      backend: value.list(haproxyValue.extraLine(), 0, EXTRA_LINES_MAX).optional().describe("Lines for the service's backend."),
      frontend: value.list(haproxyValue.extraLine(), 0, EXTRA_LINES_MAX).optional().describe("Lines for the service's frontend."),
    })
    .optional()
    .describe("HAProxy lines of the operator's own, written as they are; HAProxy judges them at the reload."),
  guard: value
    .map({
      maxLoss: value.share().prefault(0.5).describe('The share of the instances whose loss is believed at once; 1 turns the hold off.'),
      window: value.duration('0ms', '1h').prefault('10s').describe('Losses within this time are judged together.'),
      hold: value.duration('0ms', '7d').prefault('5m').describe('How long a mass loss is held.'),
    })
    .prefault({})
    .describe('The guard against mass loss.'),
  flap: value
    .map({
      transitions: value
        .count(1, FLAPS_MAX)
        .prefault(5)
        .describe(
          'Changes of registration or health within `window`; with more than so many an instance is put in quarantine. A restart is three: it goes, is back, is up.',
        ),
      window: value.duration('1s', '1h').prefault('60s').describe('The time within which changes are counted.'),
      quarantine: value
        .duration('1s', '1h')
        .prefault('60s')
        .describe('How long the first quarantine is; each that soon follows is twice as long, at most 1 h.'),
    })
    .prefault({})
    .describe('Flapping instances are taken out for a while, as long as others are up.'),
  warmUp: value.duration('1s', '1h').optional().describe("A new instance's weight rises to its own in ten steps over this time."),
  allow: value
    .map({
      cidrs: value
        .list(value.cidr(), 0, CIDRS_MAX)
        .prefault(['0.0.0.0/0', '::/0'])
        .describe('Address ranges that a registration may name.'),
      loopback: value.truth().prefault(false).describe('Registrations may name loopback addresses.'),
      names: value.truth().prefault(true).describe('Registrations may name hosts instead of addresses.'),
    })
    .prefault({})
    .describe('Addresses that a registration may give; never unspecified, multicast or link-local ones.'),
  maxInstances: value.count(1, INSTANCES_MAX).prefault(10_000).describe('More registrations than this are rejected.'),
});

export type ServiceSection = z.output<typeof serviceSchema>;
