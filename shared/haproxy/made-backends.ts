/**
 * Backends made and taken away at runtime (HAProxy 3.4). What is made is written into a map in the worker's memory before, so that whoever looks later, also
 * after a crash of ours in the middle, knows it for ours, and by which config. The map ends with the worker, as what was made in it does.
 * Throws what the connection throws.
 */
import type { ServiceName } from '../model/ids.ts';
import type { RuntimeConnection } from './connection.ts';
import { parseMade } from './parse-made.ts';
import { MADE_MAP, READ, shown, withoutNotices } from './protocol.ts';
import { nameWord } from './render-words.ts';

export interface SectionResult {
  readonly command: string;
  readonly outcome: 'done' | 'refused';
  readonly reply: string;
}

const STRUCTURE = /^[0-9a-z]{1,64}\.[0-9a-z]{1,64}$/;

/** `loaded`: `<structure>.<form>`. Published last, and again by whoever finds it later (`publishBackend`): HAProxy says of neither whether it is. */
export async function addBackend(
  connection: RuntimeConnection,
  { backend, shape, loaded }: { readonly backend: ServiceName; readonly shape: string; readonly loaded: string },
): Promise<SectionResult[]> {
  const name = nameWord(backend);
  // What an attempt that was cut off left there.
  await connection.send([`del map ${MADE_MAP} ${name}`]);
  if (!STRUCTURE.test(loaded)) throw new Error(`not a structure and form: ${loaded}`);
  const note = `add map ${MADE_MAP} ${name} ${loaded}`;
  const reply = await ask(connection, note);
  // A map that did not take it would leave a backend that nobody knows for ours.
  const noted = parseMade(await ask(connection, READ.made)).get(name);
  if (noted === undefined) return [{ command: note, outcome: 'refused', reply: shown(reply) }];
  const added = await say(connection, `add backend ${name} from ${nameWord(shape)}`, /New backend registered\./);
  if (added.outcome === 'refused') {
    await connection.send([`del map ${MADE_MAP} ${name}`]);
    return [added];
  }
  return [added, await publishBackend(connection, backend)];
}

export function publishBackend(connection: RuntimeConnection, backend: ServiceName): Promise<SectionResult> {
  return say(connection, `publish backend ${nameWord(backend)}`, /Backend published\./);
}

/** One without servers. HAProxy refuses where something of its files refers to it; then it is published again. */
export async function deleteBackend(connection: RuntimeConnection, backend: ServiceName): Promise<SectionResult[]> {
  const name = nameWord(backend);
  const unpublished = await say(connection, `unpublish backend ${name}`, /Backend unpublished\./);
  const deleted = await say(connection, `del backend ${name}`, /Backend deleted\./);
  if (deleted.outcome === 'done') {
    await connection.send([`del map ${MADE_MAP} ${name}`]);
    return [unpublished, deleted];
  }
  return [unpublished, deleted, await publishBackend(connection, backend)];
}

async function say(connection: RuntimeConnection, command: string, good: RegExp): Promise<SectionResult> {
  const reply = await ask(connection, command);
  return { command, outcome: good.test(reply) ? 'done' : 'refused', reply: shown(reply) };
}

async function ask(connection: RuntimeConnection, line: string): Promise<string> {
  const [reply = ''] = await connection.send([line]);
  return withoutNotices(reply);
}
