/** The life of a runtime connection: one for one job, closed whatever happens. */
import type { SocketAddress } from '../model/proxy-config.ts';
import { OPEN_DEADLINE_MS, RuntimeConnection } from './connection.ts';

/** What `job` returns. Throws what opening throws (HAPROXY_UNREACHABLE, HAPROXY_TIMEOUT) and what `job` throws. */
export async function withRuntime<T>(
  address: SocketAddress,
  job: (connection: RuntimeConnection) => Promise<T>,
  deadlineMs: number = OPEN_DEADLINE_MS,
): Promise<T> {
  const connection = await RuntimeConnection.open(address, deadlineMs);
  try {
    return await job(connection);
  } finally {
    connection.close();
  }
}
