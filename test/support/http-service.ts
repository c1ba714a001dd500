/** Sample HTTP services on the loopback interface, that can be made slow, failing or hung, and that count what reaches them. */
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Certificate } from './certificates.ts';

export type Behaviour =
  /** 200 to everything. */
  | 'ok'
  /** 503 to everything, `/health` too. */
  | 'fail'
  /** Takes connections and never answers. */
  | 'hang';

export class HttpService {
  behaviour: Behaviour = 'ok';
  /** Behind the status code. */
  statusText = 'as it is';
  /** ms before an answer; `/health` is not delayed. */
  delayMs = 0;
  /** Requests other than `/health`. */
  requests = 0;
  /** When the last of them came: ms, performance.now(). */
  lastRequestAt: number | null = null;
  healthChecks = 0;
  /** Connections ever accepted. */
  connections = 0;
  /** Requests other than `/health` that are not answered yet. */
  inFlight = 0;
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
    server.keepAliveTimeout = 60_000;
    server.on('connection', () => {
      this.connections += 1;
    });
    server.on('request', (request, response) => this.#answer(request.url ?? '/', response));
  }

  /** `host` 0.0.0.0: on every address of the loopback network, so that one process stands for many instances. */
  static async start(port = 0, host: '127.0.0.1' | '0.0.0.0' = '127.0.0.1'): Promise<HttpService> {
    const service = new HttpService(createServer());
    service.#server.listen(port, host);
    await once(service.#server, 'listening');
    return service;
  }

  static async startTls(files: Pick<Certificate, 'key' | 'cert'>): Promise<HttpService> {
    const [key, cert] = await Promise.all([readFile(files.key), readFile(files.cert)]);
    const service = new HttpService(createTlsServer({ key, cert }));
    service.#server.listen(0, '127.0.0.1');
    await once(service.#server, 'listening');
    return service;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  #answer(url: string, response: ServerResponse): void {
    const health = url.startsWith('/health');
    if (health) this.healthChecks += 1;
    else {
      this.requests += 1;
      this.lastRequestAt = performance.now();
      this.inFlight += 1;
      response.once('close', () => {
        this.inFlight -= 1;
      });
    }
    if (this.behaviour === 'hang') return;
    const status = this.behaviour === 'fail' ? 503 : 200;
    const finish = (): void => {
      response.writeHead(status, this.statusText, { 'content-type': 'text/plain', 'x-port': String(this.port) });
      response.end(`${this.port}\n`);
    };
    if (health || this.delayMs === 0) finish();
    else setTimeout(finish, this.delayMs);
  }

  async stop(): Promise<void> {
    if (!this.#server.listening) return;
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, 'close');
  }
}

export function startHttpServices(count: number): Promise<HttpService[]> {
  return Promise.all(Array.from({ length: count }, () => HttpService.start()));
}
