/** Reads the data of many children at once, each with a watch set by the same call. */
import type { Znode } from '../model/registration.ts';
import { DATA_BYTES_MAX, type ZnodeData } from '../znode/payload.ts';
import { hasCode } from './errors.ts';
import type { OnChange, ZookeeperLink } from './link.ts';
import type { Stat } from './stat.ts';

export interface ChildReading {
  readonly znode: Znode;
  /** Data over the limit is not kept, only its size in bytes. */
  readonly data: ZnodeData;
}

export interface ChildrenRead {
  readonly read: Map<string, ChildReading>;
  /** They are there and may not be read (no permission). */
  readonly unread: string[];
  /** Deleted before they were read. */
  readonly lost: string[];
}

/** Of the link's permits, so that a service with many children leaves some to the others. */
const READS_AT_ONCE = 32;

/** `prefix` is the parent's path with a slash behind it. Throws what is wrong with the link, or with more than one child. */
export async function readChildren(
  link: ZookeeperLink,
  prefix: string,
  names: readonly string[],
  onChange: OnChange,
): Promise<ChildrenRead> {
  const result: ChildrenRead = { read: new Map(), unread: [], lost: [] };
  const left = names.values();
  let failed = false;
  const reader = async (): Promise<void> => {
    for (const name of left) {
      if (failed) return;
      try {
        const { data, stat } = await link.reads.run(() => link.data(`${prefix}${name}`, onChange));
        result.read.set(name, childOf(name, data, stat));
      } catch (error) {
        if (hasCode(error, 'ZOOKEEPER_NO_NODE')) result.lost.push(name);
        else if (hasCode(error, 'ZOOKEEPER_NO_AUTH')) result.unread.push(name);
        else {
          failed = true;
          throw error;
        }
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(READS_AT_ONCE, names.length) }, reader));
  return result;
}

function childOf(name: string, data: Buffer, stat: Stat): ChildReading {
  const znode: Znode = { name, czxid: stat.czxid, mzxid: stat.mzxid, version: stat.version };
  // A copy: the data is a window on the whole chunk that came from the socket.
  return { znode, data: data.length > DATA_BYTES_MAX ? { tooLarge: data.length } : Buffer.from(data) };
}
