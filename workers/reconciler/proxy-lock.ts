/**
 * The lock beside a unix runtime socket: whoever writes to this HAProxy from this host holds it. It is an fcntl lock, taken through SQLite
 * (`BEGIN EXCLUSIVE`), so it ends with the process however that dies, and needs no native package (docs/adr/0006). A proxy reached over
 * tcp has only the claim in Redis.
 */
import { closeSync, mkdirSync, openSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { PointsmanError } from '../../shared/errors.ts';
import type { RuntimeAddress } from '../../shared/model/proxy-config.ts';

export interface ProxyLock {
  release(): void;
}

const NO_LOCK: ProxyLock = { release: () => undefined };

/** Open lock files by path: opening one takes longer than locking it. */
const opened = new Map<string, { readonly database: DatabaseSync; readonly inode: number }>();

/** null: another process on this host writes to the proxy. @throws PointsmanError FILE_WRITE_FAILED: no lock file can be made. */
export async function takeProxyLock(runtime: RuntimeAddress): Promise<ProxyLock | null> {
  if (runtime.kind !== 'unix') return NO_LOCK;
  const file = `${runtime.path}.pointsman-lock`;
  const { DatabaseSync } = await sqlite();
  let database: DatabaseSync;
  try {
    database = open(file, DatabaseSync);
  } catch (error) {
    throw failed(`cannot make the lock file ${file}`, error);
  }
  try {
    database.exec('BEGIN EXCLUSIVE');
  } catch (error) {
    if (/locked|within a transaction/.test(message(error))) return null;
    forget(file);
    throw failed(`cannot lock ${file}`, error);
  }
  return { release: () => database.exec('ROLLBACK') };
}

/** The folder of a socket may be made anew by a restart of HAProxy, and the lock file with it: then the one that is there counts. */
function open(file: string, Database: typeof DatabaseSync): DatabaseSync {
  const known = opened.get(file);
  if (known !== undefined && statSync(file, { throwIfNoEntry: false })?.ino === known.inode) return known.database;
  forget(file);
  mkdirSync(dirname(file), { recursive: true });
  // SQLite makes the file with its first lock, too late to know its inode. (Closing a file drops the process's locks on it: none is held here.)
  closeSync(openSync(file, 'a'));
  const database = new Database(file);
  database.exec('PRAGMA busy_timeout = 0');
  opened.set(file, { database, inode: statSync(file).ino });
  return database;
}

function forget(file: string): void {
  opened.get(file)?.database.close();
  opened.delete(file);
}

function failed(what: string, cause: unknown): PointsmanError {
  return new PointsmanError('FILE_WRITE_FAILED', `${what}: ${message(cause)}`, {
    hint: 'pointsman must be able to write beside the runtime socket',
    retry: 'after',
    cause,
  });
}

/** Node before 24 says on stderr that its SQLite is experimental; what is used here is not in question. */
async function sqlite(): Promise<typeof import('node:sqlite')> {
  loaded ??= loadSqlite();
  return loaded;
}

let loaded: Promise<typeof import('node:sqlite')> | null = null;

async function loadSqlite(): Promise<typeof import('node:sqlite')> {
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
