/** What a worker can do, asked of it once: the answers are kept by who it is. One round trip for a worker that was not met before, else none. */
import type { Capabilities } from '../model/capabilities.ts';
import type { WorkerIdentity } from '../model/observed.ts';
import { capabilitiesOf, parseCommands, parseServerWords } from './capabilities.ts';
import type { RuntimeConnection } from './connection.ts';
import { READ } from './protocol.ts';

/** Workers are few, but each reload makes a new one: the oldest is forgotten. */
const KEPT_MAX = 1_000;
const kept = new Map<string, Capabilities>();

/** Throws what the connection throws, and HAPROXY_STATE_UNREADABLE. */
export async function askedCapabilities(
  connection: Pick<RuntimeConnection, 'address' | 'send'>,
  { identity, version }: { readonly identity: WorkerIdentity; readonly version: string },
): Promise<Capabilities> {
  const key = [connection.address, identity.pid, identity.startTime, version].join(' ');
  const known = kept.get(key);
  if (known !== undefined) return known;
  const [commands, serverWords] = (await connection.send([READ.commands, READ.serverWords])) as [string, string];
  const asked = capabilitiesOf(version, { commands: parseCommands(commands), serverWords: parseServerWords(serverWords) });
  const [oldest] = kept.keys();
  if (kept.size >= KEPT_MAX && oldest !== undefined) kept.delete(oldest);
  kept.set(key, asked);
  return asked;
}
