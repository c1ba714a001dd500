/** PURE. The keys of a service's `check`: HAProxy's health check of each server (manual, 5.2 `check`, and `option httpchk`, `http-check`). */
import { z } from 'zod';
import * as haproxyValue from './haproxy-values.ts';
import * as value from './values.ts';

const HEADERS_MAX = 16;

export const checkSchema = z
  .union(
    [
      z.literal('none', { error: 'none' }),
      value.map({
        http: haproxyValue
          .httpRequest()
          .optional()
          .describe('An HTTP check: method and path. Without it, or with `tcp: true`, HAProxy only connects.'),
        host: haproxyValue.hostName().optional().describe('The Host header of an HTTP check; with it the check speaks HTTP/1.1.'),
        headers: z
          .record(haproxyValue.token('a header name'), haproxyValue.headerValue(), { error: 'a map of header values by name' })
          .refine((headers) => Object.keys(headers).length <= HEADERS_MAX, { error: `at most ${HEADERS_MAX} headers` })
          .optional()
          .describe('More headers of an HTTP check.'),
        expect: value
          .map({
            status: haproxyValue.statusCodes().optional().describe('Codes and ranges, such as 200 or "200-299,401". Default: 2xx and 3xx.'),
            body: haproxyValue.plainText().optional().describe('A text that the body must contain, instead of looking at the status.'),
          })
          .optional()
          .describe('What an HTTP check takes for a good answer: a status or a body.'),
        tcp: z.literal(true, { error: 'true' }).optional().describe('A TCP check, said in words.'),
        port: value.count(1, 65_535).optional().describe("The port that checks go to. Default: the server's own."),
        address: haproxyValue.ipAddress().optional().describe("The address that checks go to. Default: the server's own."),
        interval: value.duration('10ms', '1h').prefault('2s').describe("Between two checks (HAProxy's inter)."),
        fastInterval: value
          .duration('10ms', '1h')
          .optional()
          .describe(
            'Between two checks of a server that is on its way up or down (fastinter). Default: 250ms, or interval if that is shorter.',
          ),
        downInterval: value
          .duration('10ms', '1h')
          .optional()
          .describe('Between two checks of a server that is down, or that joins (downinter). Default: as fastInterval.'),
        rise: value.count(1, 100).prefault(2).describe('Good checks in a row that make a server up.'),
        fall: value.count(1, 100).prefault(3).describe('Failed checks in a row that make a server down.'),
      }),
    ],
    { error: 'none, or a map with http or tcp: true, and interval, rise, fall' },
  )
  .prefault({})
  .describe("HAProxy's health check of each server, or `none`.");

export type CheckSection = z.output<typeof checkSchema>;
