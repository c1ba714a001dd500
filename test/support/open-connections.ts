/** The TCP connections of this very process to a port on loopback, as the kernel lists them: established or on their way, not those that ended. */
import { readdir, readFile, readlink } from 'node:fs/promises';

/** /proc/net/tcp: established, SYN sent. (A closed one that the other side has not taken note of belongs to nobody.) */
const OPEN_STATES = new Set(['01', '02']);

/** ... and of HAProxy's side: established, or closed by the other side and not by it. */
const LEFT_STATES = new Set(['01', '08']);

export async function openConnections(port: number): Promise<number> {
  const remote = loopback(port);
  const inodes = new Set<string>();
  for (const { to, state, inode } of await connections()) if (to === remote && OPEN_STATES.has(state)) inodes.add(`socket:[${inode}]`);
  const files = await readdir('/proc/self/fd');
  const links = await Promise.all(files.map((file) => readlink(`/proc/self/fd/${file}`).catch(() => '')));
  return links.filter((link) => inodes.has(link)).length;
}

/** Connections that the owner of a listening port still has to deal with, also those that it has not taken and whose other side is gone. */
export async function leftConnections(port: number): Promise<number> {
  const local = loopback(port);
  return (await connections()).filter(({ at, state }) => at === local && LEFT_STATES.has(state)).length;
}

async function connections(): Promise<{ at: string; to: string; state: string; inode: string }[]> {
  const lines = (await readFile('/proc/net/tcp', 'utf8')).trim().split('\n').slice(1);
  return lines.map((line) => {
    const [, at = '', to = '', state = '', , , , , , inode = ''] = line.trim().split(/\s+/);
    return { at, to, state, inode };
  });
}

function loopback(port: number): string {
  return `0100007F:${port.toString(16).toUpperCase().padStart(4, '0')}`;
}
