/**
 * Services of the bench that fall ill and recover on order. A turn begins when a check is answered in the new way, so that the time until the next check is
 * in no figure.
 */
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { clock } from './clock.ts';

export class ToggledService {
  readonly #server: Server;
  #well = true;
  #told: { readonly well: boolean; readonly heard: (at: number) => void } | null = null;

  private constructor(server: Server) {
    this.#server = server;
    server.on('request', (request, response) => {
      const check = request.url === '/health';
      if (check) this.#switch();
      const closing = request.url === '/once';
      response.writeHead(check && !this.#well ? 503 : 200, {
        'x-instance': String(this.port),
        ...(closing ? { connection: 'close' } : {}),
      });
      response.end('ok\n');
    });
  }

  static async start(): Promise<ToggledService> {
    const service = new ToggledService(createServer());
    service.#server.listen(0, '127.0.0.1');
    await once(service.#server, 'listening');
    return service;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Resolves with the time (`clock`, ms) of the next check, which is the first that is answered so. */
  turn(well: boolean): Promise<number> {
    return new Promise((heard) => {
      this.#told = { well, heard };
    });
  }

  #switch(): void {
    if (this.#told === null) return;
    this.#well = this.#told.well;
    this.#told.heard(clock());
    this.#told = null;
  }

  async stop(): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, 'close');
  }
}
