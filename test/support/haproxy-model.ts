/**
 * PURE. A model of one HAProxy backend as the runtime API shows it: takes the same lines, gives the same replies, and lets time pass in
 * `tick`. Sessions, idle connections and checks are as simple as the plan needs them to be. It is a HAProxy 2.6, or with `later` one of 3.1
 * and after: it knows `wait` and `init-state`, and a new address holds only after a tick.
 */
import type { ObservedBackend, ObservedServer } from '../../shared/model/observed.ts';

export interface ModelServer {
  name: string;
  id: number;
  address: string;
  port: number;
  weight: number;
  /** 0: no limit. */
  maxConn: number;
  backup: boolean;
  admin: ObservedServer['admin'];
  running: boolean;
  configured: boolean;
  enabled: boolean;
  paused: boolean;
  check: 'pending' | 'passed' | 'failed';
  sessions: number;
  idle: number;
  /** Added with `init-state fully-down`: down when it leaves maint, until its checks pass. */
  initDown?: boolean;
  /** Said, but not in force yet. */
  moving?: { readonly address: string; readonly port: number };
}

export class HaproxyModel {
  readonly servers = new Map<string, ModelServer>();
  structure: string | null;
  readonly #alive: (address: string, port: number) => boolean;
  readonly #later: boolean;

  constructor(
    structure: string | null,
    alive: (address: string, port: number) => boolean,
    servers: readonly ModelServer[] = [],
    later = false,
  ) {
    this.structure = structure;
    this.#later = later;
    this.#alive = alive;
    for (const server of servers) this.servers.set(server.name, { ...server });
  }

  /** The reply, with its severity. */
  run(line: string): string {
    const words = line.split(' ');
    const at = words.find((word) => word.includes('/')) ?? '';
    const name = at.slice(at.indexOf('/') + 1);
    if (line.startsWith('add server ')) return this.#add(name, words);
    const server = this.servers.get(name);
    if (line.startsWith('wait ')) return this.#wait(server);
    if (server === undefined) return '[3]: No such server.\n';
    if (line.startsWith('enable health ')) {
      if (!server.configured) return '[3]: Health check was not configured on this server, cannot enable.\n';
      server.enabled = true;
      return '';
    }
    if (line.startsWith('shutdown sessions ')) {
      server.sessions = 0;
      return '';
    }
    if (line.startsWith('set maxconn server ')) {
      server.maxConn = Number(words.at(-1));
      return '';
    }
    if (line.startsWith('del server ')) return this.#delete(server);
    return this.#set(server, words.slice(3));
  }

  #add(name: string, words: readonly string[]): string {
    if (this.servers.has(name)) return '[3]: Already exists a server with the same name in backend.\n';
    const after = (word: string): number => Number(words[words.indexOf(word) + 1]);
    const id = after('id');
    for (const other of this.servers.values()) {
      if (other.id === id) return `[3]: 'id' : custom id ${id} already used at (null):0 ('server ${other.name}').\n`;
    }
    const initDown = words.includes('init-state');
    if (initDown && !this.#later) return "[3]: unknown keyword 'init-state'\n";
    const where = words[3] ?? '';
    const colon = where.lastIndexOf(':');
    this.servers.set(name, {
      name,
      id,
      address: where.slice(0, colon).replace(/^\[|\]$/g, ''),
      port: Number(where.slice(colon + 1)),
      weight: after('weight'),
      maxConn: words.includes('maxconn') ? after('maxconn') : 0,
      backup: words.includes('backup'),
      admin: 'maint',
      running: false,
      configured: words.includes('check'),
      enabled: false,
      paused: false,
      check: 'pending',
      sessions: 0,
      idle: 0,
      initDown,
    });
    return '[6]: New server registered.\n';
  }

  /** Idle connections of a server in maint are closed meanwhile. */
  #wait(server: ModelServer | undefined): string {
    if (!this.#later) return '[6]: Unknown command: `wait`\n';
    if (server === undefined) return '[3]: Failed.\n';
    if (server.admin === 'maint') server.idle = 0;
    return server.sessions > 0 ? '[3]: Wait delay expired.\n' : '[6]: Done.\n';
  }

  #delete(server: ModelServer): string {
    if (server.admin !== 'maint') return '[3]: Only servers in maintenance mode can be deleted.';
    if (server.sessions + server.idle > 0) return '[3]: Server still has connections attached to it, cannot remove it.';
    this.servers.delete(server.name);
    return '[6]: Server deleted.';
  }

  #set(server: ModelServer, [what = '', value, , port]: readonly string[]): string {
    switch (what) {
      case 'state':
        if (value === 'maint') Object.assign(server, { admin: 'maint', running: false, paused: true });
        else {
          // Out of maint a server is up at once, whatever its checks would say, unless it was added to be down until they pass.
          if (server.admin === 'maint') Object.assign(server, { running: server.initDown !== true, paused: false });
          server.admin = value === 'drain' ? 'drain' : 'ready';
        }
        return '';
      case 'health':
        server.running = value === 'up';
        return '';
      case 'weight':
        server.weight = Number(value);
        return '';
      case 'addr': {
        const moving = { address: value ?? '', port: Number(port) };
        Object.assign(server, this.#later ? { moving } : moving);
        return "[4]: IP changed from 'a' to 'b', port changed from '1' to '2' by 'stats socket command'\n";
      }
      default:
        throw new Error(`the model does not know set server ${what}`);
    }
  }

  /** Idle connections go, one session of each server that takes no new ones ends, and every enabled check runs. */
  tick(): void {
    for (const server of this.servers.values()) {
      server.idle = 0;
      if (server.moving !== undefined) Object.assign(server, server.moving, { moving: undefined });
      if (server.admin !== 'ready' && server.sessions > 0) server.sessions -= 1;
      if (!server.configured || !server.enabled || server.paused || server.admin === 'maint') continue;
      const alive = this.#alive(server.address, server.port);
      server.check = alive ? 'passed' : 'failed';
      server.running = alive;
    }
  }

  serving(): string[] {
    return [...this.servers.values()].filter((server) => server.admin === 'ready' && server.running).map((server) => server.name);
  }

  sessions(): Map<string, number> {
    return new Map([...this.servers.values()].map((server) => [server.name, server.sessions]));
  }

  /** By server name, what its statistics say. */
  statistics<K extends 'maxConn' | 'backup'>(what: K): Map<string, ModelServer[K]> {
    return new Map([...this.servers.values()].map((server) => [server.name, server[what]]));
  }

  observed(name: string): ObservedBackend {
    const servers = new Map<string, ObservedServer>();
    for (const server of this.servers.values()) {
      const { id, address, port, weight, admin } = server;
      servers.set(server.name, {
        name: server.name,
        id,
        address,
        port,
        weight,
        admin,
        operation: server.running ? 'running' : 'stopped',
        check: server.configured ? server.check : 'none',
        checkPort: 0,
        checkAddress: null,
        checking: server.enabled && !server.paused,
        agent: null,
      });
    }
    return { name, structure: this.structure, form: null, servers };
  }
}
