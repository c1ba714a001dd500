/** The process with simulated runtime sockets, from outside. */
import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { FleetAnswer, FleetOrder } from './programs/simulated-fleet.ts';

const PROGRAM = fileURLToPath(new URL('programs/simulated-fleet.ts', import.meta.url));

export class SimulatedFleet {
  readonly ports: readonly number[];
  readonly #child: ChildProcess;
  /** Called for each command that was carried out, at which time by the shared clock. */
  onApplied: (socket: number, line: string, at: number) => void = () => undefined;

  private constructor(child: ChildProcess, ports: readonly number[]) {
    this.#child = child;
    this.ports = ports;
    child.on('message', (answer: FleetAnswer) => {
      if (answer.kind === 'applied') for (const [socket, line, at] of answer.lines) this.onApplied(socket, line, at);
    });
  }

  static async start(sockets: number, services: readonly string[]): Promise<SimulatedFleet> {
    const child = fork(PROGRAM, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    const started = await ask(child, { kind: 'start', sockets, services });
    if (started.kind !== 'started') throw new Error('the simulated fleet did not start');
    return new SimulatedFleet(child, started.ports);
  }

  /** Connections to it are refused from now on. */
  async close(socket: number): Promise<void> {
    await ask(this.#child, { kind: 'close', socket });
  }

  async open(socket: number): Promise<void> {
    await ask(this.#child, { kind: 'open', socket });
  }

  /** Connections that changed something so far. */
  async writers(socket: number): Promise<number> {
    const answer = await ask(this.#child, { kind: 'count', socket });
    return answer.kind === 'done' ? answer.writers : 0;
  }

  /** The whole process, as SIGSTOP and SIGCONT do it: it takes connections and never answers. */
  signal(signal: 'SIGSTOP' | 'SIGCONT'): void {
    this.#child.kill(signal);
  }

  async stop(): Promise<void> {
    this.#child.kill('SIGCONT');
    this.#child.kill('SIGKILL');
  }
}

function ask(child: ChildProcess, order: FleetOrder): Promise<FleetAnswer> {
  return new Promise((resolve) => {
    const onMessage = (answer: FleetAnswer): void => {
      if (answer.kind === 'applied') return;
      child.off('message', onMessage);
      resolve(answer);
    };
    child.on('message', onMessage);
    child.send(order);
  });
}
