/** HAProxy's own notices, read beside the observer's stream, and who holds runtime connections. */
import { connect, type Socket } from 'node:net';
import type { TestHaproxy } from './haproxy.ts';

export class NoticeRecord {
  readonly #socket: Socket;
  readonly #seen: { text: string; at: number }[] = [];
  #rest = '';

  constructor(haproxy: TestHaproxy) {
    this.#socket = connect(haproxy.runtime.path);
    this.#socket.write('set timeout cli 1h;show events pointsman-notices -w -n\n');
    this.#socket.on('data', (chunk) => {
      const at = Date.now();
      const lines = `${this.#rest}${String(chunk)}`.split('\n');
      this.#rest = lines.pop() ?? '';
      for (const text of lines) this.#seen.push({ text, at });
    });
  }

  /** When the first such notice after `since` came, ms since the epoch. */
  at(pattern: RegExp, since: number): number | null {
    return this.#seen.find(({ text, at }) => at >= since && pattern.test(text))?.at ?? null;
  }

  close(): void {
    this.#socket.destroy();
  }
}

/** Runtime connections that are open beside the one that asks. */
export async function runtimeConnections(haproxy: TestHaproxy): Promise<number> {
  const [sessions] = (await haproxy.cli('show sess')) as [string];
  return sessions.split('\n').filter((line) => /\bfe=GLOBAL\b/.test(line)).length - 1;
}

/** Workers that a reload left and that have not ended. */
export async function oldWorkers(haproxy: TestHaproxy): Promise<number> {
  const [, old = ''] = (await haproxy.masterCli('show proc')).split('# old workers');
  return old.split('\n').filter((line) => /^\d+\s+worker\b/.test(line)).length;
}
