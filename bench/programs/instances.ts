/**
 * The sample instances, all in one process: a server per port, which answers every request at once and names its port in `x-instance`; after
 * `/once` it closes the connection. They serve from beginning to end, whatever is registered. Just enough of HTTP for HAProxy's requests without a
 * body, because what they cost is taken from what is measured.
 */
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { onEnd, say, settingsOf } from './program-end.ts';

const END_OF_HEAD = '\r\n\r\n';

const { count } = settingsOf<{ count: number }>();
const servers: Server[] = [];
const sockets = new Set<Socket>();
/** By port; checks are not counted. */
const requests = new Map<number, number>();

function serve(socket: Socket): void {
  const port = socket.localPort ?? 0;
  let said = '';
  sockets.add(socket);
  socket.setNoDelay(true);
  socket.on('error', () => undefined);
  socket.on('close', () => sockets.delete(socket));
  socket.on('data', (chunk) => {
    said += chunk.toString('latin1');
    for (let end = said.indexOf(END_OF_HEAD); end >= 0; end = said.indexOf(END_OF_HEAD)) {
      const [, path] = said.split(' ', 2);
      said = said.slice(end + END_OF_HEAD.length);
      if (path !== '/health') requests.set(port, (requests.get(port) ?? 0) + 1);
      const closing = path === '/once';
      const head = `HTTP/1.1 200 OK\r\ncontent-length: 3\r\nx-instance: ${port}\r\n${closing ? 'connection: close\r\n' : ''}\r\nok\n`;
      if (closing) socket.end(head);
      else socket.write(head);
    }
  });
}

for (let made = 0; made < count; made += 1) {
  const server = createServer(serve);
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
  for (const socket of sockets) socket.destroy();
});
say({ type: 'ready' });
