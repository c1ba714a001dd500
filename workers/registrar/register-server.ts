/**
 * Where services of this host register themselves by HTTP. `GET /v1/register?service=web`, again before the TTL is over; `GET /v1/deregister?service=web`. POST
 * and PUT do the same, with a body of JSON; `DELETE /v1/register` deregisters. Answers are JSON; so are errors: code, error (what), hint (what to do).
 */
import { type FastifyError, type FastifyInstance, type FastifyReply, type FastifyRequest, fastify } from 'fastify';
import { type ErrorCode, PointsmanError } from '../../shared/errors.ts';
import type { Logger } from '../../shared/observability/logger.ts';
import { type Ask, readAsk } from './ask.ts';
import { Refusals } from './refusals.ts';
import type { Registrar, Told } from './registrar.ts';
import { RequestGuard } from './request-guard.ts';
import { RequestRate } from './request-rate.ts';

/** Bytes of a body, and of a head. The longest labels fit. */
const BYTES_MAX = 16 * 1024;
const CONNECTIONS_MAX = 256;
/** ms for the head, for all of a request, and for the next one on a connection. */
const HEAD_MS = 3_000;
const REQUEST_MS = 5_000;
const IDLE_MS = 5_000;
/** Of one service: a hundred instances renew three times within 3 s. */
const RATE = { burst: 200, perSecond: 100 };
/** For the rate of all that names no service of the config. */
const STRANGERS = '';
const PATHS = 'expected GET, POST or PUT /v1/register or /v1/deregister, DELETE /v1/register, or GET /v1/registrations';

const STATUSES: Readonly<Partial<Record<ErrorCode, number>>> = {
  REQUEST_INVALID: 400,
  REQUEST_UNAUTHORIZED: 401,
  REQUEST_NOT_ALLOWED: 403,
  SERVICE_UNKNOWN: 404,
  TOO_MANY_REQUESTS: 429,
  REGISTRAR_STOPPING: 503,
};

export interface RegisterServerOptions {
  readonly registrar: Registrar;
  /** null: none is asked for. */
  readonly token: string | null;
  readonly logger: Logger;
}

export async function registerServer({ registrar, token, logger }: RegisterServerOptions): Promise<FastifyInstance> {
  const guard = new RequestGuard(token);
  const rate = new RequestRate(RATE);
  const refusals = new Refusals(logger);
  const server = fastify({
    bodyLimit: BYTES_MAX,
    requestTimeout: REQUEST_MS,
    keepAliveTimeout: IDLE_MS,
    exposeHeadRoutes: false,
    forceCloseConnections: true,
    http: { maxHeaderSize: BYTES_MAX, headersTimeout: HEAD_MS, connectionsCheckingInterval: 1_000 },
  });
  // Its parsers are for JSON and for plain text, which a form of a page can send.
  server.removeContentTypeParser('text/plain');
  server.server.maxConnections = CONNECTIONS_MAX;
  server.addHook('onRequest', async (request, reply) => {
    // A GET that changes something is nobody's to remember.
    reply.header('cache-control', 'no-store');
    guard.check(request.headers);
  });
  const asked = (request: FastifyRequest): Ask => {
    const ask = askOf(request);
    const key = registrar.isOpen(ask.service) ? ask.service : STRANGERS;
    if (rate.take(key, performance.now())) return ask;
    throw new PointsmanError('TOO_MANY_REQUESTS', 'requests come too often', { hint: 'renew a few times within a TTL', retry: 'after' });
  };
  const register = async (request: FastifyRequest, reply: FastifyReply) => answer(reply, await registrar.register(asked(request)));
  const deregister = async (request: FastifyRequest, reply: FastifyReply) => answer(reply, await registrar.deregister(asked(request)));
  server.route({ method: ['GET', 'POST', 'PUT'], url: '/v1/register', handler: register });
  server.route({ method: 'DELETE', url: '/v1/register', handler: deregister });
  server.route({ method: ['GET', 'POST', 'PUT', 'DELETE'], url: '/v1/deregister', handler: deregister });
  server.get('/v1/registrations', async () => {
    const { connected, since, entries, more } = registrar.report;
    return { connected, since, entries, more };
  });
  server.setNotFoundHandler(async (_request, reply) => {
    registrar.refused();
    return reply.status(404).send({ code: 'REQUEST_INVALID', error: 'there is nothing under this path and method', hint: PATHS });
  });
  server.setErrorHandler(async (error, _request, reply) => {
    const told = refusalOf(error);
    registrar.refused();
    if (told === null) {
      logger.error({ err: error }, 'a request to the registrar failed');
      return reply.status(500).send({ code: null, error: 'this should not happen', hint: 'the log of pointsman has the reason' });
    }
    refusals.tell(told);
    if (told.code === 'REQUEST_UNAUTHORIZED') reply.header('www-authenticate', 'Bearer');
    if (told.code === 'TOO_MANY_REQUESTS' || told.code === 'REGISTRAR_STOPPING') reply.header('retry-after', '1');
    return reply.status(statusOf(told, error)).send({ code: told.code, error: told.message, hint: told.hint });
  });
  return server;
}

/** In the query, in a body of JSON, or in both: the body counts. */
function askOf({ query, body }: FastifyRequest): Ask {
  if (body !== undefined && body !== null && (typeof body !== 'object' || Array.isArray(body))) return readAsk(body);
  return readAsk({ ...(query as object), ...(body as object | null | undefined) });
}

/** 200: as it was asked for. 202: not yet (a check has not passed, Zookeeper is away), and `entries` says why. */
function answer(reply: FastifyReply, { ttl, entries, ...told }: Told): FastifyReply {
  const wanted = ttl > 0 ? 'registered' : 'down';
  const done = entries.every(({ state }) => state === wanted);
  const named = entries.map(({ znode, state, detail }) => ({ znode, state, detail }));
  return reply.status(done ? 200 : 202).send({ ...told, ttl, registered: ttl > 0 && done, entries: named });
}

/** null: it is no refusal, and a bug. */
function refusalOf(error: unknown): PointsmanError | null {
  if (error instanceof PointsmanError) return error;
  const { statusCode = 500, message } = error as FastifyError;
  if (statusCode >= 500) return null;
  return new PointsmanError('REQUEST_INVALID', message, {
    hint: `expected a query, or a body of application/json of at most ${BYTES_MAX} bytes`,
    retry: 'terminal',
  });
}

function statusOf(told: PointsmanError, error: unknown): number {
  return error === told ? (STATUSES[told.code] ?? 500) : ((error as FastifyError).statusCode ?? 400);
}
