/**
 * Free ports on the loopback interface, one after the other, below those that the kernel gives to outgoing connections: a port that is
 * taken now and bound later is not lost to one of the load's own connections meanwhile.
 */
import { once } from 'node:events';
import { createServer } from 'node:net';
import { PointsmanError } from '../../shared/errors.ts';

const FIRST = 20_000;
const LAST = 31_000;

export class Ports {
  #next: number;

  constructor(random: () => number = Math.random) {
    // Another demo, or another test, is likely to begin elsewhere.
    this.#next = FIRST + Math.floor(random() * (LAST - FIRST - 1_000));
  }

  /** Never the same one twice. */
  async take(): Promise<number> {
    while (this.#next < LAST) {
      const port = this.#next++;
      if (await isFree(port)) return port;
    }
    throw new PointsmanError('USAGE', `no port is free from ${FIRST} to ${LAST} on 127.0.0.1`, {
      hint: 'end what takes them',
      retry: 'after',
    });
  }
}

/** Whether nobody listens there now. */
export async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  try {
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
  } catch {
    return false;
  }
  server.close();
  await once(server, 'close');
  return true;
}
