/** The lines of an export, plain or gzip (told by its first bytes), in batches, with small memory. */
import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { pipeline, type Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { errorText, PointsmanError } from '../../shared/errors.ts';
import { LINE_MAX } from './export-format.ts';

const CHUNK_BYTES = 256 * 1024;
const LINE_FEED = 0x0a;

/**
 * A last line without a line feed counts. `damaged` is told of what cannot be unpacked further; what came before it has been given.
 * @throws PointsmanError EXPORT_INVALID: the file cannot be read, or a line is longer than any is.
 */
export async function* exportLines(file: string, damaged: (reason: string) => void): AsyncGenerator<Buffer[]> {
  const source = await opened(file);
  let held: Buffer[] = [];
  let heldBytes = 0;
  try {
    for await (const chunk of source as AsyncIterable<Buffer>) {
      const lines: Buffer[] = [];
      let from = 0;
      for (let at = chunk.indexOf(LINE_FEED); at >= 0; at = chunk.indexOf(LINE_FEED, from)) {
        const part = chunk.subarray(from, at);
        lines.push(held.length === 0 ? part : Buffer.concat([...held, part]));
        held = [];
        heldBytes = 0;
        from = at + 1;
      }
      if (from < chunk.length) held.push(chunk.subarray(from));
      heldBytes += chunk.length - from;
      if (heldBytes > LINE_MAX) throw invalid(file, `it has a line of more than ${LINE_MAX} bytes`);
      if (lines.length > 0) yield lines;
    }
  } catch (error) {
    if (error instanceof PointsmanError) throw error;
    if (held.length > 0) yield [Buffer.concat(held)];
    return damaged(`it cannot be read any further: ${errorText(error)}`);
  } finally {
    source.destroy();
  }
  if (held.length > 0) yield [Buffer.concat(held)];
}

async function opened(file: string): Promise<Readable> {
  const packed = await isGzip(file);
  const raw = createReadStream(file, { highWaterMark: CHUNK_BYTES });
  if (!packed) return raw;
  // Errors of either come out of the last one.
  return pipeline(raw, createGunzip({ chunkSize: CHUNK_BYTES }), () => undefined);
}

async function isGzip(file: string): Promise<boolean> {
  try {
    const handle = await open(file, 'r');
    try {
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(2), 0, 2, 0);
      return bytesRead === 2 && buffer[0] === 0x1f && buffer[1] === 0x8b;
    } finally {
      await handle.close();
    }
  } catch (error) {
    throw invalid(file, errorText(error));
  }
}

function invalid(file: string, reason: string): PointsmanError {
  return new PointsmanError('EXPORT_INVALID', `${file}: ${reason}`, {
    hint: 'name a file that `pointsman log export` made',
    retry: 'terminal',
  });
}
