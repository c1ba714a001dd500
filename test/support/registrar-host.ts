/** A registrar as one host runs it, from the text of a config, with a log that a test can read and a state folder of its own. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Config } from '../../shared/config/config.ts';
import { createLogger } from '../../shared/observability/logger.ts';
import { HttpListener } from '../../workers/http-listener.ts';
import { registerServer } from '../../workers/registrar/register-server.ts';
import { Registrar } from '../../workers/registrar/registrar.ts';
import { configOf } from './config-text.ts';
import { type TempFolder, tempFolder } from './folder.ts';

export interface HostOptions {
  /** Zookeeper's connect string. */
  readonly connect: string;
  /** The text below `register:`, indented by two. */
  readonly register: string;
  /** Default 8s: a busy machine does not look like a dead link. */
  readonly sessionTimeout?: string;
  /** A `user:password`. */
  readonly credentials?: string;
  /** Where its services register themselves by HTTP. */
  readonly http?: { readonly port: number; readonly token?: string };
  /** Of another host that this one comes after. */
  readonly folder?: TempFolder;
}

export class RegistrarHost {
  registrar: Registrar;
  readonly folder: TempFolder;
  readonly #options: HostOptions;
  #listener: HttpListener | null = null;

  private constructor(options: HostOptions, folder: TempFolder) {
    this.#options = options;
    this.folder = folder;
    this.registrar = this.#make(options.register);
  }

  static async start(options: HostOptions): Promise<RegistrarHost> {
    const host = new RegistrarHost(options, options.folder ?? (await tempFolder()));
    await host.registrar.start();
    if (options.http !== undefined) await host.#listen(options.http);
    return host;
  }

  config(register: string): Config {
    const { connect, sessionTimeout = '8s', credentials } = this.#options;
    const auth = credentials === undefined ? '' : `, auth: { scheme: digest, credentials: "${credentials}" }`;
    return configOf(`zookeeper: { connect: "${connect}", sessionTimeout: ${sessionTimeout}${auth} }
redis: { url: "redis://127.0.0.1:1/0" }
registrar: { state: ${this.folder.path} }
register:
${register}
`);
  }

  reconfigure(register: string): void {
    this.registrar.reconfigure(this.config(register).register);
  }

  /** Another process of the same host. */
  async again(): Promise<RegistrarHost> {
    return RegistrarHost.start({ ...this.#options, folder: this.folder });
  }

  async log(): Promise<{ msg: string; [field: string]: unknown }[]> {
    const text = await readFile(join(this.folder.path, 'registrar.log'), 'utf8');
    const lines = text.split('\n').filter((line) => line !== '');
    return lines.map((line) => JSON.parse(line) as { msg: string });
  }

  /** To Zookeeper, as its log has it. */
  async isConnected(): Promise<boolean> {
    const last = (await this.log()).findLast(({ msg }) => /connected (to|from) zookeeper$/.test(msg));
    return last?.msg === 'connected to zookeeper';
  }

  /** By signal or by end of the host: nobody listens any more. */
  async stop(): Promise<void> {
    await this.#listener?.stop();
    await this.registrar.stop();
    await this.folder.remove();
  }

  async #listen({ port, token = null }: { port: number; token?: string | null }): Promise<void> {
    const logger = createLogger({ level: 'info', file: join(this.folder.path, 'registrar.log') });
    const make = () => registerServer({ registrar: this.registrar, token, logger });
    this.#listener = new HttpListener({ name: 'registrar', listen: { host: '127.0.0.1', port }, make, logger });
    await this.#listener.start();
  }

  #make(register: string): Registrar {
    return new Registrar(this.config(register), createLogger({ level: 'info', file: join(this.folder.path, 'registrar.log') }));
  }
}

/** An entry, checked ten times a second at this port. */
export function entryText(name: string, port: number, rest = ''): string {
  const check = 'check: { http: GET /health, interval: 100ms, timeout: 500ms, rise: 2, fall: 2 }';
  return `  - { service: ${name}, path: /services/${name}, address: "127.0.0.1:${port}", drain: 0ms, ${check}${rest} }`;
}
