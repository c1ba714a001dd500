/**
 * Which services of this host are down for maintenance: a file each, `<state>/down/<service>.json`, written and taken away by `pointsman down` and `up`, read
 * by the registrar. So it survives restarts, and needs neither Zookeeper nor Redis. What cannot be read of a file that is there is down all the same.
 */
import { mkdir, open, readdir, readFile, rename, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { errorText, PointsmanError } from '../../shared/errors.ts';
import type { ServiceName } from '../../shared/model/ids.ts';
import { type CordonNode, decodeCordon, encodeCordon } from '../../shared/znode/cordon.ts';

const SUFFIX = '.json';

export class Maintenance {
  readonly #folder: string;

  constructor(stateFolder: string) {
    this.#folder = join(stateFolder, 'down');
  }

  /** Those of `services` that are down, also where their time is over. @throws when the folder is there and cannot be read */
  async read(services: ReadonlySet<ServiceName>): Promise<ReadonlyMap<ServiceName, CordonNode>> {
    const names = await readdir(this.#folder).catch(orNothing([] as string[]));
    const files = names.filter((name) => name.endsWith(SUFFIX) && services.has(name.slice(0, -SUFFIX.length)));
    const read = files.map(async (name): Promise<readonly [ServiceName, CordonNode | null]> => {
      const text = await readFile(join(this.#folder, name)).catch((error: NodeJS.ErrnoException) =>
        error.code === 'ENOENT' ? null : Buffer.alloc(0),
      );
      return [name.slice(0, -SUFFIX.length), text && decodeCordon(text)];
    });
    const all = await Promise.all(read);
    return new Map(all.flatMap(([service, node]) => (node === null ? [] : [[service, node]])));
  }

  /** Durable when it resolves. @throws PointsmanError FILE_WRITE_FAILED */
  async write(service: ServiceName, node: CordonNode): Promise<void> {
    const file = this.#file(service);
    const fresh = `${file}.${process.pid}`;
    await this.#failing(async () => {
      await mkdir(this.#folder, { recursive: true });
      const handle = await open(fresh, 'w', 0o644);
      try {
        await handle.writeFile(encodeCordon(node));
        await handle.sync();
      } finally {
        await handle.close();
      }
      await rename(fresh, file);
    });
  }

  /** Whether it was down. @throws PointsmanError FILE_WRITE_FAILED */
  async remove(service: ServiceName): Promise<boolean> {
    return await this.#failing(async () => unlink(this.#file(service)).then(() => true, orNothing(false)));
  }

  #file(service: ServiceName): string {
    return join(this.#folder, `${service}${SUFFIX}`);
  }

  async #failing<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw new PointsmanError('FILE_WRITE_FAILED', `the maintenance of this host cannot be kept in ${this.#folder}: ${errorText(error)}`, {
        hint: 'Run it as the user that pointsman runs as, or set registrar.state to a folder that may be written.',
        retry: 'after',
        cause: error,
      });
    }
  }
}

/** Whether it is down at this time, ms since the epoch. */
export function isDown(node: CordonNode | undefined, now: number): boolean {
  return node !== undefined && (node.until === null || node.until > now);
}

function orNothing<T>(nothing: T): (error: NodeJS.ErrnoException) => T {
  return (error) => {
    if (error.code === 'ENOENT') return nothing;
    throw error;
  };
}
