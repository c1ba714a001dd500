/**
 * The oracle that commands are judged by, held to a real HAProxy: texts of all that its CLI takes for syntax are sent to both, as commands that write
 * into a map, and what is in the map afterwards is what the oracle read.
 */
import { writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { readCli } from '../support/cli-oracle.ts';
import { type TempFolder, tempFolder } from '../support/folder.ts';
import { HTTP_DEFAULTS, TestHaproxy } from '../support/haproxy.ts';
import { versionOf } from '../support/haproxy-versions.ts';
import { freePort } from '../support/port.ts';
import { runs } from '../support/property.ts';

/** The oracle reads them as versions before 3.2 do; later a NUL ends a command, as an end of line does. No command of ours may have one. */
const CONTROLS = Number(versionOf('haproxy')) < 3.2 ? ['\0', '\r'] : [];

let folder: TempFolder;
let haproxy: TestHaproxy;
let map: string;

beforeAll(async () => {
  folder = await tempFolder();
  map = join(folder.path, 'words.map');
  await writeFile(map, '');
  haproxy = await TestHaproxy.start({
    sections: `${HTTP_DEFAULTS}
frontend f
  bind 127.0.0.1:${await freePort()}
  http-request set-header x %[path,map(${map})]
`,
  });
});

afterAll(async () => {
  await haproxy.stop();
  await folder.remove();
});

/** Sent as it is; the end of what is answered. */
async function raw(text: string): Promise<void> {
  const socket = connect(haproxy.runtime.path);
  // An empty line ends a payload that was begun.
  socket.end(`prompt\n${text}\n\nquit\n`);
  for await (const _ of socket);
}

/** A value may have an escaped end of line in it. */
async function written(): Promise<string[]> {
  const [shown = ''] = await haproxy.cli(`show map ${map}`);
  const entries = shown.replace(/\n$/, '').split(/\n(?=0x)/);
  return entries.flatMap((entry) => /^0x[0-9a-f]+ ([\s\S]*)$/.exec(entry)?.[1] ?? []);
}

/** `add map <map> <key> <value>`; a value is there or the command is refused. */
function read(text: string): string[] {
  return readCli(`${text}\n\n`).flatMap(({ words, payload }) => {
    if (words[0] !== 'add' || words[1] !== 'map' || words[2] !== map) return [];
    if (payload !== null) return payloadEntries(payload);
    const [, , , key, value] = words;
    return !key || !value ? [] : [`${key} ${value}`];
  });
}

/** Lines of a key, blanks and a value, up to the first that is not. */
function payloadEntries(payload: string): string[] {
  const entries: string[] = [];
  for (const line of payload.split('\n')) {
    const match = /^[ \t]*([^ \t]+)[ \t]+(.*[^ \t])[ \t]*$/.exec(line);
    if (match === null) break;
    entries.push(`${match[1]} ${match[2]}`);
  }
  return entries;
}

it('words, ends of commands, escapes and payloads are as HAProxy reads them', async () => {
  const piece = fc.constantFrom('a', 'b', ' ', ' ', '\t', '\\', ';', '\n', '\\;', '\\\\', ...CONTROLS, '#', '"', "'", '$x', 'é');
  const text = fc.array(piece, { maxLength: 9 }).map((pieces) => pieces.join(''));
  let entries = 0;
  await fc.assert(
    fc.asyncProperty(text, text, fc.boolean(), async (first, second, twice) => {
      await haproxy.cli(`clear map ${map}`);
      const sent = `add map ${map} k${first}${twice ? `;add map ${map} k2${second}` : second}`;
      await raw(sent);
      const found = await written();
      entries += found.length;
      expect(found, JSON.stringify(sent)).toEqual(read(sent));
    }),
    runs(400),
  );
  expect(entries).toBeGreaterThan(100);
});

it('a payload swallows the commands behind it', async () => {
  await haproxy.cli(`clear map ${map}`);
  const sent = `add map ${map} <<\nk1 v1\nadd map\nk2 v2`;
  await raw(sent);
  expect(await written()).toEqual(read(sent));
  expect(readCli('show info <<\nshow stat\nshow env\n\nshow pools\n').map(({ words }) => words.join(' '))).toEqual([
    'show info',
    'show pools',
  ]);
});
