/**
 * A TCP proxy on loopback that misbehaves on request. It can also see, change and drop single Zookeeper packets
 * (each is a length of four bytes and its bytes), so that a test can take away one watch notification and nothing else.
 */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

/**
 * pass: everything goes through · reset: new connections are closed at once, with a reset · mute: new connections are
 * accepted and never answered · blackhole: nothing more goes through, on old connections and on new ones, and no end is told
 */
export type FaultMode = 'pass' | 'reset' | 'mute' | 'blackhole';

/** Sees one packet (with its length); returns what goes on instead, or null to drop it. */
export type PacketHook = (packet: Buffer) => Buffer | null;

interface Pair {
  readonly client: Socket;
  server: Socket | null;
  cut: boolean;
}

export class FaultProxy {
  mode: FaultMode = 'pass';
  /** Connections accepted since the start. */
  accepted = 0;
  /** Bytes from clients that went nowhere. */
  discarded = 0;
  /** Looks at each packet from the server. Set it before the connection is made. */
  onReply: PacketHook | null = null;
  /** Looks at each packet from the client. Set it before the connection is made. */
  onRequest: PacketHook | null = null;
  port = 0;
  #target: number;
  #cutAfter: number | null = null;
  readonly #server: Server;
  readonly #pairs = new Set<Pair>();

  private constructor(target: number) {
    this.#target = target;
    this.#server = createServer((client) => this.#accept(client));
  }

  static async start(target: number): Promise<FaultProxy> {
    const proxy = new FaultProxy(target);
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    proxy.port = (proxy.#server.address() as AddressInfo).port;
    return proxy;
  }

  get connect(): string {
    return `127.0.0.1:${this.port}`;
  }

  get open(): number {
    return this.#pairs.size;
  }

  /** Lets `bytes` more bytes of the server's next data through, then cuts that connection, in the middle of whatever it was. */
  cutAfter(bytes: number): void {
    this.#cutAfter = bytes;
  }

  /** What the server answers on present connections waits until `release`; requests go through. */
  hold(): void {
    for (const { server } of this.#pairs) server?.pause();
  }

  release(): void {
    for (const { server } of this.#pairs) server?.resume();
  }

  /** Closes all present connections, with a reset. */
  dropAll(): void {
    for (const pair of this.#pairs) {
      pair.client.resetAndDestroy();
      pair.server?.destroy();
    }
  }

  /** Refuses connections (nothing listens any more) until `listen`. */
  async refuse(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.dropAll();
    await closed;
  }

  async listen(): Promise<void> {
    this.#server.listen(this.port, '127.0.0.1');
    await once(this.#server, 'listening');
  }

  async close(): Promise<void> {
    if (this.#server.listening) await this.refuse();
  }

  #accept(client: Socket): void {
    this.accepted++;
    const pair: Pair = { client, server: null, cut: false };
    this.#pairs.add(pair);
    client.on('error', () => {});
    client.on('close', () => {
      this.#pairs.delete(pair);
      if (this.mode !== 'blackhole') pair.server?.destroy();
    });
    if (this.mode === 'reset') return void client.resetAndDestroy();
    if (this.mode !== 'pass') {
      client.on('data', (bytes) => {
        this.discarded += bytes.length;
      });
      return;
    }
    client.setNoDelay();
    const server = connect(this.#target, '127.0.0.1');
    server.setNoDelay();
    pair.server = server;
    server.on('error', () => {});
    const requests = packets((packet) => (this.onRequest ? this.onRequest(packet) : packet));
    const replies = packets((packet) => (this.onReply ? this.onReply(packet) : packet));
    client.on('data', (bytes) => {
      if (this.mode !== 'blackhole') server.write(this.onRequest ? requests(bytes) : bytes);
    });
    server.on('data', (bytes) => {
      if (this.mode !== 'blackhole' && !pair.cut) this.#toClient(pair, this.onReply ? replies(bytes) : bytes);
    });
    server.on('close', () => {
      if (this.mode !== 'blackhole' && !pair.cut) client.destroy();
    });
  }

  #toClient(pair: Pair, bytes: Buffer): void {
    if (this.#cutAfter === null) return void pair.client.write(bytes);
    const length = Math.min(bytes.length, this.#cutAfter);
    this.#cutAfter -= length;
    if (this.#cutAfter > 0) return void pair.client.write(bytes.subarray(0, length));
    this.#cutAfter = null;
    pair.cut = true;
    pair.client.end(bytes.subarray(0, length));
    pair.server?.destroy();
  }
}

/** Splits a stream into packets and gives each to the hook. */
function packets(hook: PacketHook): (bytes: Buffer) => Buffer {
  let rest: Buffer = Buffer.alloc(0);
  return (bytes) => {
    rest = Buffer.concat([rest, bytes]);
    const out: Buffer[] = [];
    while (rest.length >= 4 && rest.length >= rest.readInt32BE(0) + 4) {
      const end = rest.readInt32BE(0) + 4;
      const kept = hook(rest.subarray(0, end));
      if (kept !== null) out.push(kept);
      rest = rest.subarray(end);
    }
    return Buffer.concat(out);
  };
}
