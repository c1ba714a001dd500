/** Vectors and shards of a serverset: what one child says of others. */
import { describe, expect, it } from 'vitest';
import type { Decoded } from '../../shared/model/registration.ts';
import { decode } from '../../shared/znode/format.ts';
import { parseVector, succeeded, VECTOR_UNIT, weighed } from '../../shared/znode/serverset-vector.ts';

const member = (port: number, more: object = {}): Decoded =>
  decode('serverset', 'm', Buffer.from(JSON.stringify({ serviceEndpoint: { host: '10.0.0.1', port }, status: 'ALIVE', ...more })), {
    endpoint: null,
  });

const vector = (...entries: object[]) => Buffer.from(JSON.stringify({ vector: entries }));

function weights(members: ReadonlyMap<string, Decoded>): unknown[] {
  return [...members.values()].map((says) => says.ok && (says.registration.out ?? says.registration.weight));
}

describe('a vector', () => {
  const members = new Map([
    ['member_0000000001', member(1)],
    ['member_0000000002', member(2)],
    ['member_0000000003', member(3, { shard: 3 })],
    ['10.0.0.9:4', member(4)],
  ]);
  const by = (...entries: object[]) =>
    weights(weighed(members, new Map([['vector_0000000009', parseVector(vector(...entries)) ?? new Map()]])));

  it('weighs whom it selects, by member, address or shard; the product of all counts', () => {
    expect(weights(weighed(members, new Map()))).toEqual([1, 1, 1, 1]);
    expect(by()).toEqual([VECTOR_UNIT, VECTOR_UNIT, VECTOR_UNIT, 1]);
    expect(by({ select: 'member=member_0000000001', weight: 1.5 }, { select: 'inet=10.0.0.1:1', weight: 0.5 })).toEqual([24, 32, 32, 1]);
    expect(by({ select: 'shard=3', weight: 0 }, { select: 'member=member_0000000002', weight: 0.001 })).toEqual([32, 1, 0, 1]);
    expect(by({ select: 'inet=10.0.0.1:2', weight: 1e9 })).toEqual([32, 256, 32, 1]);
  });

  it('that comes to 1 says so: it is no weight that nobody said', () => {
    const vectors = new Map([['vector_1', parseVector(vector({ select: 'inet=10.0.0.1:1', weight: 0.001 })) ?? new Map()]]);
    expect(weighed(members, vectors).get('member_0000000001')).toMatchObject({ registration: { weight: 1, weighed: true } });
  });

  it('leaves out whom it weighs less than nothing', () => {
    expect(by({ select: 'shard=3', weight: -1 }, { select: 'member=member_0000000003', weight: 5 })).toEqual([
      32,
      32,
      'left out by vector_0000000009',
      1,
    ]);
  });

  it('that cannot be read weighs nobody', () => {
    for (const text of ['', 'x', '{}', '{"vector":{}}', '[]', `{"vector":[${'{},'.repeat(10_001)}{}]}`])
      expect(parseVector(Buffer.from(text))).toBeNull();
    expect(parseVector({ tooLarge: 1e6 })).toBeNull();
    expect(
      by(5 as never, null as never, { select: 7, weight: 2 }, { select: 'all', weight: 2 }, { select: 'shard=3', weight: '2' }),
    ).toEqual([32, 32, 32, 1]);
  });
});

describe('a shard', () => {
  const zxids: Record<string, string> = { member_1: '10', member_2: '9', member_3: '8', member_4: '7' };
  const follow = (members: readonly (readonly [string, Decoded])[]) => weights(succeeded(new Map(members), (name) => zxids[name] ?? '0'));

  it('is the member that was created last; those before it at other addresses take no requests', () => {
    expect(
      follow([
        ['member_1', member(1, { shard: 7 })],
        ['member_2', member(2, { shard: 7 })],
        ['member_3', member(1, { shard: 7 })],
        ['member_4', member(4, { shard: 8 })],
      ]),
    ).toEqual([1, 'its shard is 10.0.0.1:1 now', 1, 1]);
  });

  it('says nothing of members without one, or of other forms', () => {
    expect(
      follow([
        ['member_1', member(1)],
        ['member_2', member(2)],
        ['i-1_0000000001', member(3, { shard: 7 })],
      ]),
    ).toEqual([1, 1, 1]);
  });
});
