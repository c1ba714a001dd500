/** PURE. The keys of a service's `server`: what each of its servers gets, in HAProxy's own words (manual, 5.2). */

import type { z } from 'zod';
import { ASKABLE } from '../model/asked-options.ts';
import { MAX_CONN_MAX } from '../model/server-options.ts';
import * as haproxyValue from './haproxy-values.ts';
import * as value from './values.ts';

const ERRORS_MAX = 10_000;
const PROTOCOLS_MAX = 4;

export const serverSchema = value
  .map({
    maxConn: value.count(1, MAX_CONN_MAX).optional().describe("Connections to one server at once (HAProxy's maxconn). Default: no limit."),
    options: value
      .list(value.word(ASKABLE), 0, ASKABLE.length)
      .optional()
      .describe(
        "What a registration may ask for of its own server by Nerve's haproxy_server_options (docs/registration.md). Default: nothing; what it asks for besides is passed over and told.",
      ),
    maxQueue: value
      .count(1, MAX_CONN_MAX)
      .optional()
      .describe('Requests that wait for one server; beyond that they go to another (maxqueue). Default: no limit.'),
    observe: value
      .word(['layer4', 'layer7'])
      .optional()
      .describe('The traffic is looked at besides the checks: connections, or answers as well (observe).'),
    errorLimit: value
      .count(1, ERRORS_MAX)
      .optional()
      .describe("Failures in a row that observe sees before onError happens. Default: HAProxy's own, 10."),
    onError: value
      .word(['fastinter', 'fail-check', 'sudden-death', 'mark-down'])
      .optional()
      .describe("What happens then. `mark-down` takes a failing server out at once. Default: HAProxy's own, fail-check."),
    onMarkedDown: value.word(['shutdown-sessions']).optional().describe('The sessions of a server that goes down are cut.'),
    sendProxy: value.word(['v1', 'v2']).optional().describe('Connections begin with the PROXY protocol of this version.'),
    source: haproxyValue.ipAddress().optional().describe('The address that connections come from.'),
    tls: value
      .map({
        verify: value
          .word(['required', 'none'])
          .prefault('required')
          .describe("Whether the server's certificate must be one that `ca` has signed."),
        ca: value.filePath().optional().describe('A file of CA certificates (PEM), as HAProxy reads it. Required with `verify: required`.'),
        cert: value.filePath().optional().describe('A file with our own certificate and key (PEM), shown to the server.'),
        sni: haproxyValue.hostName().optional().describe("The host name that is asked for, and that the server's certificate must be for."),
        alpn: value
          .list(haproxyValue.token('a protocol such as h2 or http/1.1'), 1, PROTOCOLS_MAX)
          .optional()
          .describe('The protocols that are offered.'),
      })
      .optional()
      .describe('TLS to the servers.'),
    agent: value
      .map({
        port: value.count(1, 65_535).describe("The agent's port."),
        interval: value.duration('10ms', '1h').prefault('2s').describe('Between two questions to it.'),
        address: haproxyValue.ipAddress().optional().describe("The agent's address. Default: the server's own."),
        send: haproxyValue.token('plain characters').optional().describe('A text that is sent to it.'),
      })
      .optional()
      .describe("An agent on the server's host that says its weight and state (agent-check)."),
  })
  .prefault({})
  .describe('What each server gets.');

export type ServerSection = z.output<typeof serverSchema>;
