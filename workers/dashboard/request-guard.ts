/**
 * What stands before every answer of the dashboard: only reading, only under a loopback name (a page on another site cannot make a browser read
 * it by pointing its own name at 127.0.0.1), and headers that keep the page from loading or being put into anything foreign.
 */
import type { FastifyInstance } from 'fastify';
import { isLoopbackHost } from '../loopback-host.ts';

const READING = ['GET', 'HEAD'];

/** Bull Board sets styles on elements, and loads nothing but its own files. */
const CONTENT_SECURITY_POLICY = [
  "default-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "object-src 'none'",
  "base-uri 'self'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

const HEADERS: Readonly<Record<string, string>> = {
  'content-security-policy': CONTENT_SECURITY_POLICY,
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
};

export function guardRequests(server: FastifyInstance): void {
  server.addHook('onRequest', async (request, reply) => {
    reply.headers(HEADERS);
    if (!isLoopbackHost(request.headers.host)) {
      return reply.status(403).send({ error: 'the dashboard answers under a loopback name only, such as 127.0.0.1 or localhost' });
    }
    if (!READING.includes(request.method))
      return reply.status(405).header('allow', READING.join(', ')).send({ error: 'the dashboard only shows' });
  });
}
