/**
 * A runtime socket as HAProxy 2.6 has it, over models of backends: for fleets that are too large to be real. It knows the lines that pointsman sends to
 * backends without checks, and says `Unknown command` to all others; test/integration/simulated-haproxy.test.ts holds it to a real one.
 */
import { createServer, type Server, type Socket } from 'node:net';
import { HaproxyModel, type ModelServer } from './haproxy-model.ts';

const STATE_HEADER =
  '# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight srv_time_since_last_change srv_check_status srv_check_result srv_check_health srv_check_state srv_agent_state bk_f_forced_id srv_f_forced_id srv_fqdn srv_port srvrecord srv_use_ssl srv_check_port srv_check_addr srv_agent_addr srv_agent_port';
const CONNECTIONS_HEADER = '# bkname/svname bkid/svid addr port - purge_delay used_cur max_need_cur';
const STATISTICS_HEADER = '# pxname,svname,qcur,scur,slim,type';
const ADMIN = { ready: 0, maint: 1, drain: 8 };
const WRITES = /^(add server|del server|set server|enable health|shutdown sessions) /;

export class SimulatedHaproxy {
  readonly backends: ReadonlyMap<string, HaproxyModel>;
  /** Connections that changed something, of those that were ever opened. */
  writers = 0;
  readonly #pid: number;
  readonly #onCommand: (line: string) => void;
  readonly #sockets = new Set<Socket>();
  #server: Server | null = null;

  /** `pid`: what it says of itself. `onCommand`: called when a line that changes something was carried out. */
  constructor(backends: readonly string[], pid: number, onCommand: (line: string) => void = () => undefined) {
    this.backends = new Map(backends.map((name) => [name, new HaproxyModel(null, () => true)]));
    this.#pid = pid;
    this.#onCommand = onCommand;
  }

  /** On a loopback port; resolves to it. 0: a free one. */
  listen(port = 0): Promise<number> {
    const server = createServer((socket) => this.#serve(socket));
    this.#server = server;
    return new Promise((resolve, reject) => {
      server.once('error', reject).listen(port, '127.0.0.1', () => {
        const address = server.address();
        resolve(typeof address === 'object' && address !== null ? address.port : port);
      });
    });
  }

  /** As a process that ended: connections are refused. It keeps its servers. */
  close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    return new Promise((resolve) => {
      if (this.#server === null) resolve();
      else this.#server.close(() => resolve());
    });
  }

  #serve(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on('error', () => undefined).on('close', () => this.#sockets.delete(socket));
    let rest = '';
    let wrote = false;
    socket.on('data', (chunk: Buffer) => {
      const lines = `${rest}${chunk.toString('latin1')}`.split('\n');
      rest = lines.pop() ?? '';
      const replies = lines.map((line) => {
        if (!wrote && WRITES.test(line)) {
          wrote = true;
          this.writers += 1;
        }
        return line === 'prompt' ? '\n> ' : `${this.#run(line)}\n> `;
      });
      if (replies.length > 0) socket.write(replies.join(''));
    });
  }

  #run(line: string): string {
    const words = line.split(' ');
    if (line === 'set severity-output number') return '';
    if (line === 'show info') return `Name: HAProxy\nVersion: 2.6.12\nPid: ${this.#pid}\nStart_time_sec: 1700000000\nStopping: 0\n`;
    if (line === 'show env') return 'PATH=/bin\n';
    if (line.startsWith('show env ')) return '[3]: Variable not found\n';
    if (line === 'show backend') return `# name\n${[...this.backends.keys()].join('\n')}\n`;
    if (line === 'help')
      return 'The following commands are valid at this level:\n  add server <bk>/<srv> : create a new server\n  help : list\n';
    if (line === 'add server help') return "[3]: 'server' expects <name> and <addr>[:<port>] as arguments.\n";
    if (line.startsWith('show stat ')) return this.#statistics(Number(words[2]));
    if (line.startsWith('show servers ')) return this.#servers(words[2] ?? '', words[3] ?? null);
    if (!WRITES.test(line)) return '[6]: Unknown command.\n';
    const at = words.find((word) => word.includes('/')) ?? '';
    const model = this.backends.get(at.slice(0, at.indexOf('/')));
    if (model === undefined) return '[3]: No such backend.\n';
    const reply = model.run(line);
    // Without checks nothing comes by time but the end of sessions, of which there are none.
    if (line.startsWith('set server ')) model.tick();
    this.#onCommand(line);
    return reply;
  }

  #servers(what: string, only: string | null): string {
    if (only !== null && !this.backends.has(only)) return "[3]: Can't find backend.\n";
    const rows = [...this.backends.keys()].flatMap((backend, number) => {
      if (only !== null && backend !== only) return [];
      return [...(this.backends.get(backend)?.servers.values() ?? [])].map((server) =>
        what === 'conn' ? connectionRow(backend, number + 2, server) : stateRow(backend, number + 2, server),
      );
    });
    return `${what === 'conn' ? CONNECTIONS_HEADER : `1\n${STATE_HEADER}`}\n${rows.map((row) => `${row}\n`).join('')}`;
  }

  #statistics(number: number): string {
    const backend = [...this.backends.keys()][number - 2] ?? '';
    const servers = [...(this.backends.get(backend)?.servers.values() ?? [])];
    return `${STATISTICS_HEADER}\n${servers.map(({ name, sessions }) => `${backend},${name},0,${sessions},,2\n`).join('')}`;
  }
}

function stateRow(backend: string, number: number, { name, id, address, port, weight, admin, running }: ModelServer): string {
  const state = `${running ? 2 : 0} ${ADMIN[admin]} ${weight} ${weight} 1`;
  return `${number} ${backend} ${id} ${name} ${address} ${state} 1 0 0 0 0 0 0 - ${port} - 0 0 - - 0`;
}

function connectionRow(backend: string, number: number, { name, id, address, port, sessions }: ModelServer): string {
  return `${backend}/${name} ${number}/${id} ${address} ${port} - 5000 ${sessions} 1`;
}
