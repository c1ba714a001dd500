/**
 * The managed folder on disk. A file is replaced as a whole or not at all: written beside under a name that HAProxy does not load, synced,
 * renamed, and the folder synced. A write that fails leaves the live file as it was (FILE_WRITE_FAILED). Only files that begin
 * with our header are read as ours, replaced or removed; symbolic links are not followed. One writer at a time: whoever has the proxy's claim.
 */
import { constants } from 'node:fs';
import { type FileHandle, lstat, mkdir, open, readdir, readFile, rename, rm, stat, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { assert } from '../errors.ts';
import { isCode, notOurs, wrap } from './folder-errors.ts';
import { MANAGED_HEADER } from './render-global.ts';
import { ROUTES_FILE } from './render-http.ts';
import { GLOBAL_FILE, serviceOfFile } from './render-managed.ts';
import { SHAPES_FILE } from './render-shapes.ts';

/** Owner and group: the files name addresses, never secrets, but are nobody else's business. */
const FILE_MODE = 0o640;
const FOLDER_MODE = 0o750;
/** 10,000 servers are about 2 MB. */
const FILE_BYTES_MAX = 64 * 1024 * 1024;
/** A leftover of a writer that died is older than any write takes. */
const STALE_AFTER_MS = 60_000;
const REJECTED_SUFFIX = '.rejected';
const CANDIDATE_PREFIX = '.candidate-';

export interface FolderContent {
  /** `00-pointsman.cfg` and `service-<name>.cfg` with our header, by file name. */
  readonly ours: Map<string, string>;
  /** Other `*.cfg` files, which HAProxy loads too, by file name. They are never touched. */
  readonly foreign: Map<string, string>;
}

/** What HAProxy would load from the folder; empty when there is no folder. Throws FILE_WRITE_FAILED when it cannot be read. */
export async function readManaged(folder: string): Promise<FolderContent> {
  const content: FolderContent = { ours: new Map(), foreign: new Map() };
  for (const name of await configFiles(folder)) {
    const text = hasOurName(name) ? await readText(join(folder, name)) : await readForeign(join(folder, name));
    if (text === null) continue;
    (isOurs(name, text) ? content.ours : content.foreign).set(name, text);
  }
  return content;
}

/**
 * Makes our files in the folder be exactly these: writes what differs, removes ours that are not among them. Creates the folder if
 * it is missing. Files are replaced one by one, so a crash leaves some old and some new, each whole.
 */
export async function syncManaged(folder: string, files: ReadonlyMap<string, string>): Promise<{ written: string[]; removed: string[] }> {
  await createFolder(folder);
  const { ours, foreign } = await readManaged(folder);
  const written = [...files.keys()].filter((name) => ours.get(name) !== files.get(name)).sort();
  const removed = [...ours.keys()].filter((name) => !files.has(name)).sort();
  const taken = written.find((name) => foreign.has(name));
  if (taken !== undefined) throw notOurs(join(folder, taken));
  for (const name of written) await replace(folder, name, files.get(name) ?? '');
  for (const name of removed) await wrap(join(folder, name), () => unlink(join(folder, name)));
  if (written.length + removed.length > 0) await syncFolder(folder);
  return { written, removed };
}

/** Writes one of our files, if it differs; true when it did. For changes of servers, which need no look at the other files. */
export async function writeManaged(folder: string, name: string, content: string): Promise<boolean> {
  await createFolder(folder);
  const present = await readText(join(folder, name));
  if (present === content) return false;
  if (present !== null && !isOurs(name, present)) throw notOurs(join(folder, name));
  await replace(folder, name, content);
  await syncFolder(folder);
  return true;
}

/** One of our files; null: there is none of ours. */
export async function readManagedFile(folder: string, name: string): Promise<string | null> {
  const text = await readText(join(folder, name));
  return text !== null && isOurs(name, text) ? text : null;
}

/** Removes one of our files, if it is there. */
export async function removeManaged(folder: string, name: string): Promise<void> {
  if (!(await isThere(folder, name))) return;
  await wrap(join(folder, name), () => unlink(join(folder, name)));
  await syncFolder(folder);
}

/** Whether the folder has a file of ours of this name. */
export async function isThere(folder: string, name: string): Promise<boolean> {
  return (await readManagedFile(folder, name)) !== null;
}

/** Keeps the refused contents beside as `<file>.rejected`, for people to look at, and removes those of files that are refused no longer. */
export async function settleRejected(folder: string, rejected: ReadonlyMap<string, string>): Promise<void> {
  for (const name of await names(folder)) {
    if (!name.endsWith(REJECTED_SUFFIX)) continue;
    const file = name.slice(0, -REJECTED_SUFFIX.length);
    if (hasOurName(file) && !rejected.has(file)) await wrap(join(folder, name), () => rm(join(folder, name), { force: true }));
  }
  for (const [file, content] of rejected) await replace(folder, file + REJECTED_SUFFIX, content);
}

/** Removes what writers and candidates that died left behind, once it is a minute old. Returns the names. */
export async function removeStale(folder: string, now: number): Promise<string[]> {
  const stale: string[] = [];
  for (const name of await names(folder)) {
    if (!isTemporary(name)) continue;
    const path = join(folder, name);
    const modified = await wrap(path, () => lstat(path)).catch(() => null);
    if (modified === null || now - modified.mtimeMs < STALE_AFTER_MS) continue;
    await wrap(path, () => rm(path, { recursive: true, force: true }));
    stale.push(name);
  }
  return stale;
}

/**
 * Writes a candidate into a folder of its own inside the managed one: the same disk and permissions, and HAProxy does not look into it.
 * The caller removes it.
 */
export async function writeCandidate(folder: string, files: Iterable<readonly [string, string]>): Promise<string> {
  const candidate = join(folder, `${CANDIDATE_PREFIX}${unique()}`);
  try {
    await wrap(candidate, async () => {
      await mkdir(candidate, { mode: 0o700 });
      for (const [name, content] of files) await writeFile(join(candidate, name), content, { mode: 0o600 });
    });
  } catch (error) {
    await removeCandidate(candidate);
    throw error;
  }
  return candidate;
}

export async function removeCandidate(candidate: string): Promise<void> {
  await rm(candidate, { recursive: true, force: true });
}

export async function createFolder(folder: string): Promise<void> {
  await wrap(folder, () => mkdir(folder, { recursive: true, mode: FOLDER_MODE }));
}

let counter = 0;
/** Distinct among the processes of one host and within one of them. */
function unique(): string {
  counter += 1;
  return `${process.pid}-${counter}`;
}

function isTemporary(name: string): boolean {
  return name.startsWith(CANDIDATE_PREFIX) || /^\..+\.\d+-\d+\.tmp$/.test(name);
}

/** An empty file is ours too: a name of ours, and nothing that anybody could lose. */
function isOurs(name: string, text: string): boolean {
  return hasOurName(name) && (text === '' || text.startsWith(MANAGED_HEADER));
}

function hasOurName(name: string): boolean {
  return [GLOBAL_FILE, SHAPES_FILE, ROUTES_FILE].includes(name) || serviceOfFile(name) !== null;
}

async function configFiles(folder: string): Promise<string[]> {
  return (await names(folder)).filter((name) => name.endsWith('.cfg') && !name.startsWith('.'));
}

async function names(folder: string): Promise<string[]> {
  return wrap(folder, async () => {
    try {
      return (await readdir(folder)).sort();
    } catch (error) {
      if (isCode(error, 'ENOENT')) return [];
      throw error;
    }
  });
}

/** As HAProxy reads it: links are followed, what is no regular file is passed over (null). */
async function readForeign(path: string): Promise<string | null> {
  return wrap(path, async () => ((await stat(path)).isFile() ? readFile(path, 'utf8') : null));
}

/** null: there is none. A symbolic link, a folder or a file beyond the limit is an error. */
async function readText(path: string): Promise<string | null> {
  return wrap(path, async () => {
    let file: FileHandle;
    try {
      file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    } catch (error) {
      if (isCode(error, 'ENOENT')) return null;
      throw error;
    }
    try {
      const status = await file.stat();
      if (!status.isFile()) throw new Error('not a regular file');
      if (status.size > FILE_BYTES_MAX) throw new Error(`larger than ${FILE_BYTES_MAX} bytes`);
      return await file.readFile('utf8');
    } finally {
      await file.close();
    }
  });
}

async function replace(folder: string, name: string, content: string): Promise<void> {
  assert(/^[A-Za-z0-9_.-]{1,100}$/.test(name), `a managed file must have a plain name, not ${JSON.stringify(name)}`);
  const path = join(folder, name);
  const temporary = join(folder, `.${name}.${unique()}.tmp`);
  await wrap(path, async () => {
    try {
      const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
      const file = await open(temporary, flags, FILE_MODE);
      try {
        await file.chmod(FILE_MODE);
        await file.writeFile(content);
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(temporary, path);
    } catch (error) {
      await rm(temporary, { force: true }).catch(() => undefined);
      throw error;
    }
  });
}

async function syncFolder(folder: string): Promise<void> {
  await wrap(folder, async () => {
    const handle = await open(folder, constants.O_RDONLY | constants.O_DIRECTORY);
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  });
}
