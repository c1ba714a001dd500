/**
 * The lock beside a unix runtime socket: whoever writes to this HAProxy from this host holds it. It is an fcntl lock, taken through SQLite
 * (`BEGIN EXCLUSIVE`), so it ends with the process however that dies, and needs no native package (docs/adr/0006). A proxy reached over
 * tcp has only the claim in Redis.
 */
import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { PointsmanError } from '../../shared/errors.ts';
import type { SocketAddress } from '../../shared/model/proxy-config.ts';

export interface ProxyLock {
  release(): void;
}

const NO_LOCK: ProxyLock = { release: () => undefined };

/** null: another process on this host writes to the proxy. @throws PointsmanError FILE_WRITE_FAILED: no lock file can be made. */
export async function takeProxyLock(runtime: SocketAddress): Promise<ProxyLock | null> {
  if (runtime.kind !== 'unix') return NO_LOCK;
  const file = `${runtime.path}.pointsman-lock`;
  const { DatabaseSync } = await sqlite();
  let database: DatabaseSync;
  try {
    mkdirSync(dirname(file), { recursive: true });
    database = new DatabaseSync(file);
  } catch (error) {
    throw new PointsmanError('FILE_WRITE_FAILED', `cannot make the lock file ${file}: ${message(error)}`, {
      hint: 'pointsman must be able to write beside the runtime socket',
      retry: 'after',
      cause: error,
    });
  }
  try {
    database.exec('PRAGMA busy_timeout = 0; BEGIN EXCLUSIVE');
  } catch (error) {
    database.close();
    if (/locked/.test(message(error))) return null;
    throw new PointsmanError('FILE_WRITE_FAILED', `cannot lock ${file}: ${message(error)}`, {
      hint: 'pointsman must be able to write beside the runtime socket',
      retry: 'after',
      cause: error,
    });
  }
  return { release: () => database.close() };
}

/** Node before 24 says on stderr that its SQLite is experimental; what is used here is not in question. */
async function sqlite(): Promise<typeof import('node:sqlite')> {
  const emitWarning = process.emitWarning.bind(process);
  process.emitWarning = ((warning: string | Error, ...rest: never[]) => {
    if (!String(warning).includes('SQLite')) (emitWarning as (...all: unknown[]) => void)(warning, ...rest);
  }) as typeof emitWarning;
  try {
    return await import('node:sqlite');
  } finally {
    process.emitWarning = emitWarning;
  }
}

function message(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
