/**
 * A free port on the loopback interface. It lies below those that the system gives to whoever asks for any (from 32,768 on), because one of these may be
 * anybody's before it is used here: the end of a connection, or another test's server.
 */
import { randomInt } from 'node:crypto';
import { isFree } from '../../cli/demo/ports.ts';

const FROM = 10_000;
const TO = 32_000;

/** Ports handed out by this process, so that two calls never give the same one. */
const given = new Set<number>();

export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(FROM, TO);
    if (given.has(port)) continue;
    given.add(port);
    if (await isFree(port)) return port;
  }
}
