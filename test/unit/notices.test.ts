/** HAProxy's notices as they come over a runtime connection: cut into lines in bounded memory, and read for where to look. Texts are of 2.6.12. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LineFrames } from '../../shared/haproxy/line-frames.ts';
import { type Notice, parseNotice } from '../../shared/haproxy/parse-notice.ts';
import type { HealthChange, Verdict } from '../../shared/model/event.ts';
import { concernsPass } from '../../workers/observer/verdicts.ts';
import { desiredBackend, desiredServer, serviceConfig } from '../support/samples.ts';

const WEB: Notice = { kind: 'health', backend: 'web' };

it.each<[line: string, notice: Notice | null]>([
  ['Server web/s1 is DOWN, reason: Layer4 connection problem, info: "Connection refused", check duration: 0ms. 0 active and', WEB],
  ['Server web/10.0.0.1:80 is UP, reason: Layer7 check passed, code: 200, check duration: 1ms. 1 active and 0 backup', WEB],
  ['Server web/s1 is DOWN. 2 active and 0 backup servers left.', WEB],
  ['Server web/s2 is UP, changed from CLI. 1 active and 0 backup servers online.', WEB],
  ['Server web/s1 is UP/READY (leaving forced maintenance).', WEB],
  ['Backup Server web/s1 is DOWN, reason: Layer4 timeout', WEB],
  ['Server orders.v2/2001:db8::7:80 is DOWN, cut short he', { kind: 'health', backend: 'orders.v2' }],
  ['Server web/s1 is going DOWN for maintenance. 0 active and 0 backup servers left.', null],
  ['Server web/s1 was DOWN and now enters maintenance.', null],
  ['Server web/s2 enters drain state. 0 active and 0 backup servers online.', null],
  ['backend web has no server available!', null],
  ['Proxy web:in stopped (cumulated conns: FE: 0, BE: 0).', { kind: 'stopped' }],
  ['73 events dropped', { kind: 'lost' }],
  ['1 event dropped', { kind: 'lost' }],
  ['Server web;del/s1 is DOWN', null],
  ['Server w\u0000b/s1 is DOWN', null],
  [`Server ${'w'.repeat(65)}/s1 is DOWN`, null],
  ['info: Server web/s1 is DOWN', null],
  ['', null],
])('%s', (line, notice) => {
  expect(parseNotice(line)).toEqual(notice);
});

describe('lines', () => {
  const bytes = (frames: LineFrames, text: string): (string | null)[] =>
    [...Buffer.from(text)].flatMap((byte) => frames.push(Buffer.from([byte])));

  it('are the same however the stream is cut', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ maxLength: 12 })), fc.array(fc.nat({ max: 40 })), (lines, cuts) => {
        const text = Buffer.from(lines.map((line) => `${line.replaceAll('\n', ' ')}\n`).join(''));
        const whole = new LineFrames(16).push(text);
        const frames = new LineFrames(16);
        const told: (string | null)[] = [];
        let at = 0;
        for (const cut of cuts) {
          told.push(...frames.push(text.subarray(at, at + cut)));
          at += cut;
        }
        told.push(...frames.push(text.subarray(at)));
        expect(told).toEqual(whole);
        expect(told).toHaveLength(lines.length);
      }),
    );
  });

  it('that are too long are told once, as lost, and the next one is read again', () => {
    const frames = new LineFrames(8);
    expect(bytes(frames, `${'x'.repeat(1_000)}\nabc\n12345678\n123456789\n\n`)).toEqual([null, 'abc', '12345678', null, '']);
  });

  it('that never end are told once, and nothing of them is kept', () => {
    const frames = new LineFrames(8);
    expect(frames.push(Buffer.alloc(100, 'x'))).toEqual([null]);
    for (let n = 0; n < 1_000; n += 1) expect(frames.push(Buffer.alloc(100, 'x'))).toEqual([]);
    expect(frames.push(Buffer.from('\nok\n'))).toEqual(['ok']);
  });
});

it('a pass follows what goes into or out of rotation, for the managed file; of paths in order it follows whatever the checks say', () => {
  const plain = desiredBackend([desiredServer(1)]);
  const change = (from: Verdict, to: Verdict): HealthChange[] => [{ instance: 'a:1', from, to }];
  expect(concernsPass(change('unknown', 'down'), plain, true)).toBe(false);
  expect(concernsPass(change('absent', 'unknown'), plain, true)).toBe(false);
  expect(concernsPass(change('down', 'up'), plain, true)).toBe(true);
  expect(concernsPass(change('up', 'absent'), plain, true)).toBe(true);
  expect(concernsPass(change('up', 'absent'), plain, false)).toBe(false);
  const unchecked = desiredBackend([desiredServer(1)], serviceConfig({ check: { type: 'none' } }));
  expect(concernsPass(change('unknown', 'up'), unchecked, true)).toBe(false);
  const inOrder = desiredBackend([desiredServer(1), desiredServer(2, { tier: 1 })]);
  expect(concernsPass(change('unknown', 'down'), inOrder, false)).toBe(true);
  expect(concernsPass([], inOrder, true)).toBe(false);
});
