/** Stands between pointsman and HAProxy's runtime socket, and changes what goes through as a test says. */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server } from 'node:net';

/** What one side sent, whole lines or replies as they came; returns what goes on instead. */
export type Change = (text: string) => string;

export class RuntimeRelay {
  toHaproxy: Change = (text) => text;
  toClient: Change = (text) => text;
  /** What goes to the client is written in pieces of so many bytes; null: as it came. */
  pieceBytes: number | null = null;
  readonly #server: Server;

  private constructor(path: () => string) {
    this.#server = createServer((client) => {
      const haproxy = connect(path());
      for (const [from, to] of [[client, haproxy] as const, [haproxy, client] as const]) {
        from.on('error', () => undefined);
        from.on('close', () => to.destroy());
      }
      client.on('data', (bytes) => haproxy.write(this.toHaproxy(bytes.toString('latin1')), 'latin1'));
      client.setNoDelay();
      haproxy.on('data', (bytes) => {
        const text = this.toClient(bytes.toString('latin1'));
        const size = this.pieceBytes ?? text.length;
        for (let at = 0; at < text.length; at += size) client.write(text.slice(at, at + size), 'latin1');
      });
    });
  }

  static async start(path: () => string): Promise<RuntimeRelay> {
    const relay = new RuntimeRelay(path);
    relay.#server.listen(0, '127.0.0.1');
    await once(relay.#server, 'listening');
    return relay;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  close(): void {
    this.#server.close();
  }
}
