/** The demo's display without a terminal: what its lines are at a given size, which keys were pressed, what is said to have happened. */
import { describe, expect, it } from 'vitest';
import { frame, type Paint, type View } from '../../cli/demo/frame.ts';
import { keysOf } from '../../cli/demo/screen.ts';
import { type Seen, Timeline } from '../../cli/demo/timeline.ts';

const plain = (text: string): string => text;
const PAINT: Paint = { bold: plain, dim: plain, good: plain, bad: plain, warning: plain, inverse: (text) => `>${text}` };
const LONG = `zkCli.sh create ${'x'.repeat(90)}`;

function view(rows: number, events: number, selected = 0): View {
  return {
    head: ['pointsman pid 1', 'haproxy pid 2', 'zookeeper and redis', 'files'],
    rows: Array.from({ length: rows }, (_, index) => ({
      id: `127.0.0.1:${21_000 + index}`,
      service: 'inventory_service',
      state: 'serving',
      health: 'up',
      requests: 12_345,
      process: 'pid 1234567',
      refused: null,
      selected: index === selected,
    })),
    traffic: '40 requests a second',
    events: Array.from({ length: events }, (_, index) => `12:00:00  event ${index}`),
    commands: ['curl', LONG],
    keys: ['keys', 'more keys'],
  };
}

/** A line may take several rows of the screen. */
function rowsOnScreen(lines: readonly string[], columns: number): number {
  return lines.reduce((sum, line) => sum + Math.max(1, Math.ceil(line.replace('>', '').length / columns)), 0);
}

describe('the display', () => {
  it.each([
    [80, 24, 5, 0],
    [80, 24, 5, 50],
    [80, 24, 12, 50],
    [80, 40, 3, 2],
    [120, 50, 12, 50],
  ])('fills %d x %d exactly with %d instances and %d events', (columns, rows, instances, events) => {
    const lines = frame(view(instances, events), { columns, rows }, PAINT);
    expect(rowsOnScreen(lines, columns)).toBe(rows);
    expect(lines.filter((line) => line.length > columns + 1).map((line) => line.trimEnd())).toEqual(LONG.length > columns ? [LONG] : []);
  });

  it('shows the newest events, and the commands whole', () => {
    const lines = frame(view(5, 50), { columns: 80, rows: 24 }, PAINT).map((line) => line.trimEnd());
    expect(lines).toContain('12:00:00  event 49');
    expect(lines).not.toContain('12:00:00  event 0');
    expect(lines).toContain(LONG);
  });

  it('shows why a registration was refused', () => {
    const [row] = view(1, 0).rows;
    if (row === undefined) throw new Error('no row');
    const refused = {
      ...row,
      id: 'znode:x',
      state: 'rejected',
      health: '',
      requests: null,
      process: '',
      refused: 'not-an-address: no port',
    };
    const lines = frame({ ...view(0, 0), rows: [refused] }, { columns: 80, rows: 24 }, PAINT);
    expect(lines.find((line) => line.includes('znode:x'))).toMatch(/rejected +not-an-address: no port/);
  });

  it('keeps the selected instance in sight when not all fit', () => {
    const lines = frame(view(30, 5, 29), { columns: 80, rows: 24 }, PAINT);
    expect(lines.some((line) => line.startsWith('>127.0.0.1:21029'))).toBe(true);
    expect(lines.some((line) => line.includes('127.0.0.1:21000'))).toBe(false);
  });
});

describe('keys', () => {
  it('are single characters and arrows; other sequences are nothing', () => {
    expect(keysOf('ad\x1b[A\x1b[B\x1bOAq')).toEqual(['a', 'd', 'up', 'down', 'up', 'q']);
    expect(keysOf('\x1b[3~\x1b[1;5C\x1b')).toEqual([]);
    expect(keysOf('\x03')).toEqual(['\x03']);
  });
});

describe('the timeline', () => {
  const seen = (over: Partial<Seen> = {}): Seen => ({
    states: new Map([['a:1', { service: 's', state: 'serving', refused: null }]]),
    held: new Set(),
    reloads: 0,
    reloadReason: null,
    failed: 0,
    failure: null,
    ...over,
  });
  const texts = (timeline: Timeline): string[] => timeline.lines.map((line) => line.slice(10));

  it('says what differs from one look to the next, and nothing of the first', () => {
    const timeline = new Timeline();
    timeline.look(seen());
    timeline.look(seen());
    expect(timeline.lines).toEqual([]);
    timeline.look(seen({ states: new Map([['a:1', { service: 's', state: 'held', refused: null }]]), held: new Set(['s']) }));
    timeline.look(seen({ reloads: 1, reloadReason: 'a new service' }));
    timeline.look(seen({ states: new Map([['znode:x', { service: 's', state: 'rejected', refused: 'not-an-address: no port' }]]) }));
    expect(texts(timeline)).toEqual([
      's a:1: serving -> held',
      's: mass loss held, what is missing keeps serving',
      's a:1: held -> serving',
      's: the hold ended',
      'haproxy reloaded (1): a new service',
      's znode:x: gone -> rejected, not-an-address: no port',
    ]);
  });

  it('counts a run of failed requests in one line', () => {
    const timeline = new Timeline();
    for (const failed of [0, 1, 3, 6]) timeline.look(seen({ failed, failure: 'status 503' }));
    expect(texts(timeline)).toEqual(['6 requests failed: status 503']);
    timeline.say('something else');
    timeline.look(seen({ failed: 7, failure: 'status 503' }));
    expect(texts(timeline)).toEqual(['6 requests failed: status 503', 'something else', '1 request failed: status 503']);
  });
});
