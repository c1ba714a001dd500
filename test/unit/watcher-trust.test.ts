/** When an absence is believed: the rule of the first reading. */
import { describe, expect, test } from 'vitest';
import { believes, type Trust, trustAfter } from '../../workers/watcher/trust.ts';

const WAIT = 1_000;
const full = (more: { synced?: boolean; present?: boolean } = {}) => ({
  kind: 'full' as const,
  parent: { present: more.present ?? true },
  at: { synced: more.synced ?? false },
});
const delta = { kind: 'delta' as const, parent: { present: true }, at: { synced: false } };
const unread: Trust = { state: 'unread' };
const doubt: Trust = { state: 'doubt', since: 5_000 };
const sure: Trust = { state: 'sure' };

describe('an absence is believed', () => {
  test.each([
    ['never of a first reading', unread, full({ synced: true }), 99_000, false],
    ['not before the session timeout is over', doubt, full({ synced: true }), 5_999, false],
    ['not of a reading without a write ahead of it', doubt, full(), 9_000, false],
    ['when a synced reading misses it a session timeout later', doubt, full({ synced: true }), 6_000, true],
    ['also when the parent is missing by then', doubt, full({ synced: true, present: false }), 6_000, true],
    ['at once, in a full reading, when nothing was in doubt', sure, full(), 5_001, true],
    ['not at once when the parent is missing', sure, full({ present: false }), 99_000, false],
    ['at once when it was seen to leave', sure, delta, 5_001, true],
    ['at once when it was seen to leave, though others are in doubt', doubt, delta, 5_001, true],
  ])('%s', (_what, trust, reading, now, expected) => {
    expect(believes(trust, reading, now, WAIT)).toBe(expected);
  });
});

describe('trust', () => {
  test('comes with a full reading that misses nothing', () => {
    for (const before of [unread, doubt, sure]) expect(trustAfter(before, full(), 0, 7_000)).toEqual(sure);
  });
  test('does not come with a delta', () => {
    for (const before of [unread, doubt, sure]) expect(trustAfter(before, delta, 0, 7_000)).toBe(before);
  });
  test('turns into doubt with what is missing, from the first time that it was', () => {
    expect(trustAfter(unread, full(), 2, 7_000)).toEqual({ state: 'doubt', since: 7_000 });
    expect(trustAfter(sure, full({ present: false }), 2, 7_000)).toEqual({ state: 'doubt', since: 7_000 });
    expect(trustAfter(doubt, full(), 1, 7_000)).toEqual(doubt);
  });
});
