/**
 * The sample instances, all in one process: an HTTP server per port, which answers at once and names its port in `x-instance`; after
 * `/once` it closes the connection. They serve from beginning to end, whatever is registered.
 */
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onEnd, say, settingsOf } from './program-end.ts';

const KEEP_ALIVE_MS = 120_000;

const { count } = settingsOf<{ count: number }>();
const servers: Server[] = [];
/** By port. */
const requests = new Map<number, number>();
for (let made = 0; made < count; made += 1) {
  const server = createServer((request, response) => {
    const { port } = server.address() as AddressInfo;
    if (request.url !== '/health') requests.set(port, (requests.get(port) ?? 0) + 1);
    if (request.url === '/once') response.setHeader('connection', 'close');
    response.writeHead(200, { 'content-length': '3', 'x-instance': String(port) });
    response.end('ok\n');
  });
  server.keepAliveTimeout = KEEP_ALIVE_MS;
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  servers.push(server);
}
process.on('message', (order: { type: string }) => {
  if (order.type === 'ports') say({ type: 'ports', ports: servers.map((server) => (server.address() as AddressInfo).port) });
  if (order.type === 'requests') say({ type: 'requests', requests: Object.fromEntries(requests) });
});
onEnd(() => {
  for (const server of servers) server.close();
});
say({ type: 'ready' });
