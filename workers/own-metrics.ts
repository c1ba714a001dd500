/** `metrics.listen`: what this process alone knows, for a host without a dashboard, and while Redis is away. It only shows, under `/metrics`. */
import { type FastifyInstance, fastify } from 'fastify';
import { Registry } from 'prom-client';
import { isLoopback, type ListenAddress } from '../shared/config/address.ts';
import type { RegistrarReport } from '../shared/model/registrar-report.ts';
import { isLoopbackHost } from './loopback-host.ts';
import { measureRegistrars } from './registrar-metrics.ts';

const REQUEST_MS = 5_000;
const CONNECTIONS_MAX = 64;

/** `report`: of the registrar in this process; null: there is none, or not yet. */
export async function ownMetrics(listen: ListenAddress, report: () => RegistrarReport | null): Promise<FastifyInstance> {
  const server = fastify({ connectionTimeout: REQUEST_MS, requestTimeout: REQUEST_MS, forceCloseConnections: true });
  server.server.maxConnections = CONNECTIONS_MAX;
  server.addHook('onRequest', async (request, reply) => {
    // A page on another site cannot make a browser read it by pointing its own name here.
    if (isLoopback(listen.host) && !isLoopbackHost(request.headers.host))
      return reply.status(403).send({ error: 'it answers under a loopback name only, such as 127.0.0.1 or localhost' });
  });
  server.get('/metrics', async (_request, reply) => {
    const registry = new Registry();
    const own = report();
    if (own !== null) measureRegistrars(registry, [{ host: null, ...own }]);
    return reply.type(registry.contentType).send(await registry.metrics());
  });
  return server;
}
