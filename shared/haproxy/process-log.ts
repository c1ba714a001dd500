/**
 * `haproxy.log` in the managed folder: where a HAProxy that we start prints. Never a pipe: one that nobody reads stops HAProxy's CLI after
 * 64 KB. HAProxy writes a line for each change of a server's state, so the file is cut back to nothing when it grows large.
 */
import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';

const LOG_BYTES_MAX = 16 * 1024 * 1024;
const TAIL_BYTES_MAX = 64 * 1024;

export class ProcessLog {
  readonly path: string;

  constructor(managed: string) {
    this.path = join(managed, 'haproxy.log');
  }

  /** Opened for appending, for a child's stdout and stderr; the caller closes it. */
  async open(): Promise<FileHandle> {
    await this.bound();
    return open(this.path, 'a', 0o640);
  }

  async size(): Promise<number> {
    const file = await open(this.path, 'r').catch(() => null);
    if (file === null) return 0;
    try {
      return (await file.stat()).size;
    } finally {
      await file.close();
    }
  }

  /** What was written from `offset` on, at most its last 64 KB; from the start when the file was cut back meanwhile. */
  async since(offset: number): Promise<string> {
    const file = await open(this.path, 'r').catch(() => null);
    if (file === null) return '';
    try {
      const { size } = await file.stat();
      const from = Math.max(offset <= size ? offset : 0, size - TAIL_BYTES_MAX);
      const { buffer, bytesRead } = await file.read(Buffer.alloc(size - from), 0, size - from, from);
      return buffer.toString('utf8', 0, bytesRead);
    } finally {
      await file.close();
    }
  }

  /** Cuts a large file back, as far as it may. Writers append, so they go on at its new end. */
  async bound(): Promise<void> {
    if ((await this.size()) <= LOG_BYTES_MAX) return;
    const file = await open(this.path, 'r+').catch(() => null);
    if (file === null) return;
    try {
      await file.truncate(0);
    } finally {
      await file.close();
    }
  }
}
