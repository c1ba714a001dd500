/** When nobody connects to a runtime socket, and who tries it again. */
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { must } from '../../shared/errors.ts';
import { Breaker, type BreakerState, type Passage } from '../../shared/haproxy/breaker.ts';

/** The longest wait, and then some. */
const LONG_MS = 16_000;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance', 'Date'] });
});
afterEach(() => {
  vi.useRealTimers();
});

function enter(breaker: Breaker): Passage {
  return must(breaker.enter(), 'a passage');
}

function opened(): { breaker: Breaker; told: BreakerState['state'][] } {
  const breaker = new Breaker();
  const told: BreakerState['state'][] = [];
  breaker.watch(({ state }) => told.push(state));
  for (let index = 0; index < 3; index += 1) enter(breaker).hung('no answer');
  return { breaker, told };
}

/** ms until somebody may try. */
function waits(breaker: Breaker): number {
  return must(breaker.state.nextTry, 'a next try') - Date.now();
}

it('opens after three in a row that hung, and says so once', () => {
  const { breaker, told } = opened();
  expect(breaker.enter()).toBeNull();
  expect(breaker.state).toMatchObject({ state: 'open', detail: 'no answer', since: Date.now() });
  expect(told).toEqual(['open']);
  expect(waits(breaker)).toBeGreaterThanOrEqual(800);
  expect(waits(breaker)).toBeLessThanOrEqual(1_000);
});

it('what is refused or closed opens nothing, and one that did all it was asked forgets those before', () => {
  const breaker = new Breaker();
  for (let index = 0; index < 20; index += 1) enter(breaker).over();
  enter(breaker).hung('no answer');
  enter(breaker).hung('no answer');
  enter(breaker).over();
  enter(breaker).hung('no answer');
  enter(breaker).hung('no answer');
  expect(breaker.state.state).toBe('closed');
});

it('lets one try when the time has come, and nobody else meanwhile', () => {
  const { breaker, told } = opened();
  vi.advanceTimersByTime(LONG_MS);
  const probe = enter(breaker);
  expect(breaker.state).toMatchObject({ state: 'probing', nextTry: null });
  expect(breaker.enter()).toBeNull();
  probe.answered();
  expect(breaker.state).toEqual({ state: 'closed', detail: null, since: null, nextTry: null });
  enter(breaker).over();
  expect(told).toEqual(['open', 'closed']);
});

it('waits longer each time that the one hung, at most 15 s, and keeps the time when it began', () => {
  const { breaker } = opened();
  const { since } = breaker.state;
  const waited: number[] = [];
  for (let index = 0; index < 8; index += 1) {
    waited.push(waits(breaker));
    vi.advanceTimersByTime(LONG_MS);
    enter(breaker).hung('no answer');
  }
  expect(breaker.state.since).toBe(since);
  expect(waited.slice(0, 4)).toEqual(waited.slice(0, 4).toSorted((a, b) => a - b));
  expect(Math.max(...waited)).toBeLessThanOrEqual(15_000);
  expect(waited.at(-1)).toBeGreaterThanOrEqual(12_000);
});

it('one that was connected and then hung opens it again at once, and for longer', () => {
  const { breaker, told } = opened();
  vi.advanceTimersByTime(LONG_MS);
  const probe = enter(breaker);
  probe.answered();
  probe.hung('no answer to show info');
  expect(told).toEqual(['open', 'closed', 'open']);
  expect(waits(breaker)).toBeGreaterThan(1_000);
});

it('those that were under way when it opened change nothing, whatever becomes of them', () => {
  const breaker = new Breaker();
  const late = [enter(breaker), enter(breaker), enter(breaker)] as const;
  for (let index = 0; index < 3; index += 1) enter(breaker).hung('no answer');
  const before = breaker.state;
  late[0].hung('late');
  late[1].over();
  late[2].answered();
  expect(breaker.state).toEqual(before);
});

it('one that tried it before, and hangs only now, is not the one that tries it now', () => {
  const { breaker } = opened();
  vi.advanceTimersByTime(LONG_MS);
  const first = enter(breaker);
  first.answered();
  enter(breaker).hung('no answer');
  expect(breaker.state.state).toBe('open');
  vi.advanceTimersByTime(LONG_MS);
  enter(breaker);
  first.hung('late');
  expect(breaker.state.state).toBe('probing');
});

it('a passage counts once', () => {
  const breaker = new Breaker();
  const passage = enter(breaker);
  for (let index = 0; index < 5; index += 1) passage.hung('no answer');
  expect(breaker.state.state).toBe('closed');
});

it('a probe that was refused is an answer', () => {
  const { breaker } = opened();
  vi.advanceTimersByTime(LONG_MS);
  enter(breaker).over();
  expect(breaker.state.state).toBe('closed');
});
