/**
 * A sample instance: an HTTP service in a process of its own, which registers itself. `GET /health` is its check, `/slow?ms=` takes its time,
 * everything else is answered at once. It says to the demo what reaches it, and ends with it.
 */
import { createServer, type ServerResponse } from 'node:http';
import { createLogger } from '../../shared/observability/logger.ts';
import { clock, type Order, type Report } from './messages.ts';
import { Registrar } from './registrar.ts';

interface Settings {
  readonly service: string;
  readonly port: number;
  readonly connect: string;
  readonly sessionTimeout: number;
}

const REPORT_EVERY_MS = 100;
const SLOW_MOST_MS = 10_000;
const KEEP_ALIVE_MS = 60_000;

const settings = JSON.parse(process.argv[2] ?? '{}') as Settings;
const name = `127.0.0.1:${settings.port}`;
const traffic = { requests: 0, slow: 0, firstAt: null as number | null, lastAt: null as number | null };
let hanging = false;
let told = '';

const report = (message: Report): void => void process.send?.(message, () => undefined);
const tell = (): void => {
  const now = JSON.stringify(traffic);
  if (now === told) return;
  told = now;
  report({ type: 'traffic', ...traffic });
};

const registrar = new Registrar({ ...settings, logger: createLogger({ level: 'info' }), report });
const server = createServer((request, response) => {
  const url = new URL(request.url ?? '/', 'http://localhost');
  if (hanging) return;
  if (url.pathname === '/health') return answer(response);
  traffic.requests += 1;
  traffic.lastAt = clock();
  traffic.firstAt ??= traffic.lastAt;
  if (url.pathname !== '/slow') return answer(response);
  traffic.slow += 1;
  response.once('close', () => {
    traffic.slow -= 1;
  });
  setTimeout(() => answer(response), Math.min(Number(url.searchParams.get('ms') ?? '1000'), SLOW_MOST_MS));
  tell();
});
server.keepAliveTimeout = KEEP_ALIVE_MS;

function answer(response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'text/plain', 'x-instance': name });
  response.end(`${settings.service} ${name}, request ${traffic.requests}\n`);
}

process.on('message', (order: Order) => {
  if (order.type === 'hang') hanging = order.on;
  if (order.type === 'mark') traffic.firstAt = null;
  registrar.order(order);
  tell();
});
for (const signal of ['SIGTERM', 'disconnect'] as const) {
  process.once(signal, () => void registrar.stop().finally(() => process.exit(0)));
}
setInterval(tell, REPORT_EVERY_MS);
server.listen(settings.port, '127.0.0.1', () => report({ type: 'listening' }));
registrar.start();
