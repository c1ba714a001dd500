/**
 * A sample service for docker-compose.yml: answers HTTP, and is registered in Zookeeper as `<address>:<port>` by an ephemeral znode for as long
 * as it lives. SIGTERM takes the registration away first and goes on answering until HAProxy has had time to drain.
 *
 * Environment: ZOOKEEPER (`host:port`), SERVICE_PATH (parent of the znodes), NAME (what it answers), PORT, ADDRESS (default: the first of this
 * host that is not loopback).
 */
import { createServer, type Server } from 'node:http';
import { networkInterfaces } from 'node:os';
import { setTimeout as pause } from 'node:timers/promises';
import { PointsmanError } from '../../shared/errors.ts';
import { createLogger, type Logger } from '../../shared/observability/logger.ts';
import { ZookeeperLink } from '../../shared/zookeeper/link.ts';

const SESSION_TIMEOUT_MS = 6_000;
/** Between two tries to register. */
const RETRY_MS = 1_000;
/** How long it still answers after it took its registration away: as long as a request may be on its way to it. */
const LINGER_MS = 2_000;

const { ZOOKEEPER = '127.0.0.1:2181', SERVICE_PATH = '/services/sample', NAME = 'sample' } = process.env;
const port = Number(process.env['PORT'] ?? 8000);
const address = process.env['ADDRESS'] ?? ownAddress();
const logger = createLogger({ level: 'info' }).child({ service: NAME });

const server = await listen();
const link = new ZookeeperLink({ connect: ZOOKEEPER, sessionTimeout: SESSION_TIMEOUT_MS, auth: null, logger });
const stopping = new AbortController();
link.on('problem', (error) => logger.warn({ err: error }, 'zookeeper'));
link.on('up', ({ resumed }) => {
  if (!resumed) void register(logger);
});
link.start();
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => void stop());

/** Tries until the znode is this session's, the session is another, or the service stops. */
async function register(log: Logger): Promise<void> {
  const path = `${SERVICE_PATH}/${address}:${port}`;
  const { sessionId } = link;
  while (!stopping.signal.aborted && link.sessionId === sessionId) {
    try {
      await link.ensure(SERVICE_PATH);
      await link.create(path, '', { ephemeral: true });
      log.info({ path }, 'registered');
      return;
    } catch (error) {
      // NODE_EXISTS: of a session that has not run out yet, or of this one when the answer was lost. Only the owner tells.
      if (error instanceof PointsmanError && error.code === 'ZOOKEEPER_NODE_EXISTS' && (await isOurs(path))) return;
      log.warn({ err: error }, 'not registered yet');
    }
    await pause(RETRY_MS);
  }
}

async function isOurs(path: string): Promise<boolean> {
  const stat = await link.exists(path).catch(() => null);
  return stat !== null && stat.ephemeralOwner === link.sessionId;
}

async function stop(): Promise<void> {
  stopping.abort();
  await link.stop();
  await pause(LINGER_MS);
  server.close();
  server.closeAllConnections();
}

function listen(): Promise<Server> {
  const answering = createServer((request, response) => {
    response.setHeader('content-type', 'text/plain');
    response.end(request.url === '/health' ? 'ok\n' : `${NAME} at ${address}:${port}\n`);
  });
  return new Promise((resolve, reject) => {
    answering.once('error', reject).listen(port, () => resolve(answering));
  });
}

function ownAddress(): string {
  const addresses = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  const own = addresses.find(({ internal, family }) => !internal && family === 'IPv4');
  if (own === undefined) throw new Error('this host has no address but loopback: set ADDRESS');
  return own.address;
}
