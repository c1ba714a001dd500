/**
 * Looks at a backend's servers all the while, on HAProxy itself: what it missed of them at any look. And what was sent to HAProxy, by the proxy's own
 * stream, so that what came and went between two looks is seen too.
 */
import { pause } from '../../shared/runtime/wait.ts';
import { isServing, type System } from './system.ts';

export interface Watched {
  readonly looks: number;
  /** `name: how it stood`, once each. */
  readonly missed: readonly string[];
  /** The fewest servers that took requests at a look. */
  readonly fewest: number;
}

export class ServerWatch {
  readonly #stopping = new AbortController();
  readonly #running: Promise<void>;
  readonly #missed = new Set<string>();
  #looks = 0;
  #fewest = Number.POSITIVE_INFINITY;

  /** `names`: those that are to be there and in rotation at every look. */
  constructor(system: System, backend: string, names: readonly string[], everyMs = 20) {
    this.#running = this.#run(system, backend, names, everyMs);
  }

  async stop(): Promise<Watched> {
    this.#stopping.abort();
    await this.#running;
    return { looks: this.#looks, missed: [...this.#missed], fewest: this.#fewest };
  }

  async #run(system: System, backend: string, names: readonly string[], everyMs: number): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      const servers = await system.servers(backend).catch(() => null);
      if (servers !== null) {
        this.#looks += 1;
        this.#fewest = Math.min(this.#fewest, [...servers.values()].filter(isServing).length);
        for (const name of names) {
          const server = servers.get(name);
          if (server === undefined) this.#missed.add(`${name}: not there`);
          else if (!isServing(server)) this.#missed.add(`${name}: ${server.admin}, ${server.operation}`);
        }
      }
      await pause(everyMs, this.#stopping.signal);
    }
  }
}

/** The commands that were sent to the proxy so far, oldest first. */
export async function sentCommands(system: System): Promise<string[]> {
  const patches = await system.proxyEvents<{ commands: readonly { command: string }[] }>('patching');
  return patches.flatMap(({ commands }) => commands.map(({ command }) => command));
}

/** Of those after the first `since`: what takes requests away from a server. */
export async function withdrawals(system: System, since = 0): Promise<string[]> {
  return (await sentCommands(system)).slice(since).filter((command) => /^(del|shutdown)|state (drain|maint)$/.test(command));
}
