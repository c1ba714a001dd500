/** Writes an export: as the lines come, never faster than they are taken, whole or not at all (a file appears under its name when it is complete). */
import { createHash, randomBytes } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { Readable, type Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { errorText, PointsmanError } from '../../shared/errors.ts';
import type { LogItem } from '../../shared/model/log-item.ts';
import { headerLine, itemLine, trailerLine } from './export-format.ts';

/** Lines are joined to about so many characters before they are handed on. */
const JOIN_CHARS = 64 * 1024;

export interface Exported {
  readonly streams: number;
  readonly events: number;
  readonly lines: number;
}

/** `out`: a file, gzip when its name ends in .gz; or a stream that stays open. @throws PointsmanError FILE_WRITE_FAILED */
export async function writeExport(items: AsyncIterable<LogItem>, out: string | Writable, by: string, at: number): Promise<Exported> {
  const counts = { streams: 0, events: 0, lines: 0 };
  const lines = Readable.from(joined(items, counts, headerLine(at, by)), { objectMode: true, highWaterMark: 4 });
  if (typeof out !== 'string') {
    await pipeline(lines, out, { end: false });
    return counts;
  }
  const part = `${out}.${randomBytes(4).toString('hex')}.part`;
  try {
    const file = createWriteStream(part, { mode: 0o600, flags: 'wx' });
    await (out.endsWith('.gz') ? pipeline(lines, createGzip(), file) : pipeline(lines, file));
    await rename(part, out);
  } catch (error) {
    await rm(part, { force: true });
    if (error instanceof PointsmanError || !isFileError(error)) throw error;
    throw new PointsmanError('FILE_WRITE_FAILED', `${out}: ${errorText(error)}`, {
      hint: "look at the folder's owner, mode and free space",
      retry: 'after',
      cause: error,
    });
  }
  return counts;
}

async function* joined(
  items: AsyncIterable<LogItem>,
  counts: { -readonly [K in keyof Exported]: Exported[K] },
  header: string,
): AsyncGenerator<Buffer> {
  const hash = createHash('sha256');
  const stream = { name: '', n: 0 };
  let text = `${header}\n`;
  // What the digest of an end line covers has to be hashed before that line is written.
  const hashed = (): Buffer => {
    const bytes = Buffer.from(text);
    hash.update(bytes);
    text = '';
    return bytes;
  };
  counts.lines = 1;
  for await (const item of items) {
    if (item.kind === 'stream') {
      Object.assign(stream, { name: item.name, n: 0 });
      counts.streams += 1;
    }
    if (item.kind === 'event') {
      stream.n += 1;
      counts.events += 1;
    }
    if (item.kind === 'end' || text.length > JOIN_CHARS) yield hashed();
    text += `${itemLine(item, stream, () => hash.copy().digest('hex'))}\n`;
    counts.lines += 1;
  }
  yield hashed();
  counts.lines += 1;
  yield Buffer.from(`${trailerLine(counts, hash.digest('hex'))}\n`);
}

function isFileError(error: unknown): boolean {
  return error instanceof Error && 'code' in error && 'syscall' in error;
}
