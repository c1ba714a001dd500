/** Exports of format 1: the one that the first version wrote is read by every later one, and damage of any kind is found. */

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { instantText } from '../../cli/instant.ts';
import { exportLines } from '../../cli/log/export-lines.ts';
import { ExportParser } from '../../cli/log/export-parser.ts';
import { FoldItems } from '../../cli/replay/fold-items.ts';
import { replayFile } from '../../cli/replay/replay-file.ts';
import type { ReplayRequest, Told } from '../../cli/replay/replay-report.ts';
import type { LogItem } from '../../shared/model/log-item.ts';
import { tempFolder } from '../support/folder.ts';
import { read, root } from '../support/tree.ts';

/** Neither is ever made anew. */
const FIXTURE = 'test/fixtures/event-log-1.jsonl';
const OPERATED = 'test/fixtures/event-log-1-schema-2.jsonl';
const PRESENT = 'test/fixtures/event-log-1-schema-3.jsonl';
const LINES = read(FIXTURE).trimEnd().split('\n');
const REQUEST: ReplayRequest = { service: null, until: null, verify: false, skipBad: false, states: true, transitions: true };

function parse(lines: readonly string[], skipBad = false): { items: LogItem[]; parser: ExportParser } {
  const parser = new ExportParser('f', skipBad);
  const items = lines.flatMap((line) => parser.push(Buffer.from(line)) ?? []);
  parser.finish();
  return { items, parser };
}

/** Whatever is left of an export, its fold ends without an error of its own. */
function fold(items: readonly LogItem[]): void {
  const folding = new FoldItems(
    { ...REQUEST, verify: true, skipBad: true },
    () => true,
    () => undefined,
  );
  for (const item of items) folding.accept(item);
  folding.finish();
}

const QUIET = { transitions: async () => undefined, progress: () => undefined };

async function replayed(file: string, threads: number): Promise<{ told: Told[]; states: string[] }> {
  const told: Told[] = [];
  const listener = { transitions: async (one: Told) => void told.push(one), progress: () => undefined };
  const { streams } = await replayFile(file, REQUEST, listener, threads);
  return { told, states: streams.flatMap(({ states }) => states.map(({ service, instance, state }) => `${service} ${instance} ${state}`)) };
}

describe('the export that the first version wrote', () => {
  it.each([1, 2])('is replayed by %i threads', async (threads) => {
    const { told, states } = await replayed(join(root, FIXTURE), threads);
    expect(states).toEqual([
      'db db-1:90 joining',
      'web 10.0.0.1:80 serving',
      'web 10.0.0.1:81 held',
      'web 10.0.0.1:82 held',
      'web 10.0.0.1:84 rejected',
    ]);
    const of83 = told.flatMap(({ transitions }) => transitions).filter(({ instance }) => instance === '10.0.0.1:83');
    expect(of83.map(({ from, to, time }) => `${time} ${from} -> ${to}`)).toEqual([
      '1000040 gone -> joining',
      '1002040 joining -> serving',
      '1003040 serving -> draining',
      '1034040 draining -> gone',
    ]);
  });

  it('is replayed with what operators did, with deadlines and holds, as the second schema of the machines wrote it', async () => {
    const { told, states } = await replayed(join(root, OPERATED), 1);
    expect(states).toEqual(['web 10.0.0.1:84 serving', 'web 10.0.0.1:86 rejected', 'web 10.0.0.1:87 rejected']);
    const of82 = told.flatMap(({ transitions }) => transitions).filter(({ instance }) => instance === '10.0.0.1:82');
    expect(of82.map(({ from, to, cause }) => `${from} -> ${to} by ${cause}`)).toEqual([
      'gone -> joining by 1795658733007-3',
      'joining -> serving by 1795658733015-0',
      'serving -> held by 1795658733065-0',
      'held -> draining by 1795658733074-0',
      'draining -> gone by 1795658733083-1',
    ]);
  });

  it.each([
    [FIXTURE, 0],
    [OPERATED, 0],
    [PRESENT, 1],
  ])('of %s leads to what is stored in it; what an earlier schema kept is not compared', async (file, compared) => {
    const { streams } = await replayFile(join(root, file), { ...REQUEST, verify: true }, QUIET, 1);
    expect(streams.map(({ failed }) => failed)).toEqual(streams.map(() => null));
    expect(streams.flatMap(({ result }) => result?.differences ?? [])).toEqual([]);
    expect(streams.reduce((sum, { result }) => sum + (result?.compared ?? 0), 0)).toBe(compared);
  });

  it('is read with who says it and what led to it; events without either are read too', () => {
    const { items } = parse(LINES);
    const events = items.filter((item) => item.kind === 'event');
    expect(events).toHaveLength(23);
    expect(events.find(({ type }) => type === 'patching')).toMatchObject({ source: 'reconciler:host-1:103', cause: '1000040-3' });
    const bare = parse(
      LINES.map((line) => line.replace(/"source":"[^"]*",/, '')),
      true,
    );
    expect(bare.items.filter((item) => item.kind === 'event').map(({ source }) => source)).toEqual(events.map(() => null));
  });
});

describe('damage', () => {
  const at = fc.integer({ min: 0, max: LINES.length - 1 });
  const damages: Record<string, fc.Arbitrary<string[]>> = {
    'a line is missing': at.map((index) => LINES.toSpliced(index, 1)),
    'a line is doubled': at.map((index) => LINES.toSpliced(index, 0, LINES[index] ?? '')),
    'two lines are swapped': fc.tuple(at, at).map(([a, b]) => LINES.with(a, LINES[b] ?? '').with(b, LINES[a] ?? '')),
    'the end is missing': at.map((index) => LINES.slice(0, index)),
    'a line is cut': fc.tuple(at, fc.double({ min: 0, max: 0.99, noNaN: true })).map(([index, share]) => {
      const line = LINES[index] ?? '';
      return LINES.with(index, line.slice(0, Math.floor(line.length * share)));
    }),
    'a character is another': fc.tuple(at, fc.nat(), fc.constantFrom('x', '0', '"', '}', '\u0000')).map(([index, where, char]) => {
      const line = LINES[index] ?? '';
      const place = where % line.length;
      return LINES.with(index, line.slice(0, place) + char + line.slice(place + 1));
    }),
    'a line is strange': fc.tuple(at, fc.json()).map(([index, line]) => LINES.toSpliced(index, 0, line)),
  };

  it.each(['8640000000000001-0', '9999999999999999-0'])('an event of a time that no date can be, %s: it is refused with its line', (id) => {
    const index = LINES.findLastIndex((line) => line.startsWith('{"id":'));
    const lines = LINES.with(index, (LINES[index] ?? '').replace(/"id":"[^"]*"/, `"id":"${id}"`));
    expect(() => parse(lines)).toThrow(`f:${index + 1}: its id is none of an event`);
  });

  // The header's own text is covered by the digest too; only a change that changes nothing goes through.
  it.each(Object.keys(damages))('%s: it is refused with its line, and left out where that is asked for', (name) => {
    const damage = damages[name];
    if (damage === undefined) throw new Error(name);
    fc.assert(
      fc.property(damage, (lines) => {
        fc.pre(lines.join('\n') !== LINES.join('\n'));
        let refused = '';
        try {
          parse(lines);
        } catch (error) {
          expect(error).toMatchObject({ code: 'EXPORT_INVALID' });
          refused = (error as Error).message;
        }
        expect(refused).toMatch(/^f:\d+: /);
        const skipping = new ExportParser('f', true);
        try {
          const items = lines.flatMap((line) => skipping.push(Buffer.from(line)) ?? []);
          skipping.finish();
          expect(skipping.defects.count + skipping.defects.noted).toBeGreaterThan(0);
          fold(items);
        } catch (error) {
          // Without its header there is nothing to repair.
          expect((error as Error).message).toMatch(/is no export|its format is|is empty/);
        }
      }),
      { numRuns: 300 },
    );
  });

  it('of one character in an event is one defect, however many digests come after it', () => {
    const index = LINES.findIndex((line) => line.startsWith('{"id"') && line.includes('"weight":'));
    const parser = new ExportParser('f', true);
    for (const line of LINES.with(index, (LINES[index] ?? '').replace(/"weight":\d+/, '"weight":77'))) parser.push(Buffer.from(line));
    parser.finish();
    expect(parser.defects).toMatchObject({ count: 0, noted: 1, notes: [expect.stringContaining('its digest is another one')] });
  });

  it('is told in a short line that a terminal can take', () => {
    const hostile = JSON.stringify({ endOf: `\u202e\u009b${'x'.repeat(100_000)}`, events: 0 });
    const at = LINES.findIndex((line) => line.startsWith('{"id"'));
    let told = '';
    try {
      parse(LINES.toSpliced(at, 0, hostile));
    } catch (error) {
      told = (error as Error).message;
    }
    expect(told).toMatch(/^f:\d+: it ends "\\u\{202e\}\\u\{9b\}xxx/);
    expect(told.length).toBeLessThan(400);
  });

  it('of a packed file is told where it can be read no further', async () => {
    const folder = await tempFolder();
    try {
      const packed = gzipSync(read(FIXTURE));
      await writeFile(`${folder.path}/cut.gz`, packed.subarray(0, packed.length - 20));
      await expect(replayed(`${folder.path}/cut.gz`, 1)).rejects.toMatchObject({ code: 'EXPORT_INVALID' });
      await writeFile(`${folder.path}/whole.gz`, packed);
      expect((await replayed(`${folder.path}/whole.gz`, 1)).states).toHaveLength(5);
      await expect(replayed(`${folder.path}/nowhere`, 1)).rejects.toMatchObject({ code: 'EXPORT_INVALID' });
    } finally {
      await folder.remove();
    }
  });

  it('lines come whole, however the file is cut into chunks', async () => {
    const folder = await tempFolder();
    try {
      const long = ['a'.repeat(300_000), '', 'é'.repeat(200_000), 'last'];
      await writeFile(`${folder.path}/long`, long.join('\n'));
      const found: string[] = [];
      for await (const batch of exportLines(`${folder.path}/long`, (reason) => expect.fail(reason))) found.push(...batch.map(String));
      expect(found).toEqual(long);
    } finally {
      await folder.remove();
    }
  });
});

it('a time is printed whatever it is', () => {
  expect([0, 8.64e15, 8.64e15 + 1, 1e300, Number.NaN].map(instantText)).toEqual([
    '1970-01-01T00:00:00.000Z',
    '+275760-09-13T00:00:00.000Z',
    '8640000000000001 ms',
    '1e+300 ms',
    'NaN ms',
  ]);
});
