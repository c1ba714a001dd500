/** A free port on the loopback interface. Another process may take it before it is used; that is rare enough for tests. */
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';

/** Ports handed out by this process, so that two calls never give the same one. */
const given = new Set<number>();

export async function freePort(): Promise<number> {
  for (;;) {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    server.close();
    await once(server, 'close');
    if (given.has(port)) continue;
    given.add(port);
    return port;
  }
}
