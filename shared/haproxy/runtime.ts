/**
 * The life of a runtime connection: one for one job, closed whatever happens, and none at all while the proxy's breaker is open. Breakers are this
 * process's, one per socket.
 */
import { PointsmanError } from '../errors.ts';
import type { RuntimeAddress } from '../model/proxy-config.ts';
import { Breaker } from './breaker.ts';
import { OPEN_DEADLINE_MS, RuntimeConnection } from './connection.ts';
import { addressText } from './dial.ts';

/** By the text of the address: as many as the config has proxies. */
const breakers = new Map<string, Breaker>();

export function breakerOf(address: RuntimeAddress): Breaker {
  const text = addressText(address);
  const breaker = breakers.get(text) ?? new Breaker();
  breakers.set(text, breaker);
  return breaker;
}

/** A connection that the caller closes. Throws what RuntimeConnection.open throws, and HAPROXY_HUNG while nobody connects. */
export async function openRuntime(address: RuntimeAddress, deadlineMs: number = OPEN_DEADLINE_MS): Promise<RuntimeConnection> {
  const breaker = breakerOf(address);
  const passage = breaker.enter();
  if (passage === null) throw hung(address, breaker);
  const ended = (failure: unknown): void => {
    if (failure instanceof PointsmanError && failure.code === 'HAPROXY_TIMEOUT') passage.hung(failure.message);
    else passage.over();
  };
  try {
    const connection = await RuntimeConnection.open(address, deadlineMs, ended);
    passage.answered();
    return connection;
  } catch (error) {
    ended(error);
    throw error;
  }
}

/** What `job` returns. Throws what opening throws (HAPROXY_UNREACHABLE, HAPROXY_TIMEOUT, HAPROXY_HUNG) and what `job` throws. */
export async function withRuntime<T>(
  address: RuntimeAddress,
  job: (connection: RuntimeConnection) => Promise<T>,
  deadlineMs: number = OPEN_DEADLINE_MS,
): Promise<T> {
  const connection = await openRuntime(address, deadlineMs);
  try {
    return await job(connection);
  } finally {
    connection.close();
  }
}

function hung(address: RuntimeAddress, { state: { detail, nextTry } }: Breaker): PointsmanError {
  const when = nextTry === null ? 'while one connection tries it' : `before ${new Date(nextTry).toISOString()}`;
  return new PointsmanError('HAPROXY_HUNG', `not connected to ${addressText(address)} ${when}, because it hangs: ${detail ?? ''}`, {
    hint: 'is the process stopped, its stderr a pipe that nobody reads, or are all its connections taken (`stats maxconn`)?',
    retry: 'transient',
  });
}
