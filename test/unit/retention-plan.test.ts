/** When a checkpoint is due and what is too much, in numbers. */
import { expect, it } from 'vitest';
import { limitsOf, nextStep, type ServiceStream } from '../../shared/redis/retention-plan.ts';

const NOW = 1_000_000_000;
const DAY = 86_400_000;
const stream: ServiceStream = {
  length: 100,
  bytes: 1,
  first: `${NOW - 1_000}-0`,
  added: 100,
  cursor: `${NOW}-0`,
  older: null,
  newer: null,
};
const limits = { soft: 1_000, hard: 1_000 };
const step = (changes: Partial<ServiceStream>, age = 7 * DAY) => nextStep({ ...stream, ...changes }, limits, age, NOW);
const mark = (cursor: string, ago = 0, added = 0) => ({ cursor, at: NOW - ago, added });

it('a checkpoint is due at half of the events, and at half of the age', () => {
  expect(step({})).toBeNull();
  expect(step({ length: 499, added: 499 })).toBeNull();
  expect(step({ length: 500, added: 500 })).toBe('rotate');
  expect(step({ newer: mark('1-0', 0, 100), length: 599, added: 599 })).toBeNull();
  expect(step({ newer: mark('1-0', 0, 100), length: 600, added: 600 })).toBe('rotate');
  expect(step({ newer: mark('1-0', DAY) }, 2 * DAY)).toBe('rotate');
  expect(step({ newer: mark('1-0', DAY - 1) }, 2 * DAY)).toBeNull();
});

it('without a fold since, the newer one takes the place of the older when there is too much', () => {
  expect(step({ newer: mark(`${NOW}-0`), length: 1_001, added: 1_001 })).toBe('promote');
  expect(step({ newer: mark(`${NOW}-0`, 3 * DAY) }, DAY)).toBeNull();
  expect(step({ newer: mark(`${NOW}-0`, 3 * DAY), first: `${NOW - 2 * DAY}-0` }, DAY)).toBe('promote');
  expect(step({ older: mark(`${NOW}-0`), length: 5_000, added: 9_000 })).toBeNull();
  expect(step({ cursor: null, length: 5_000, added: 5_000 })).toBeNull();
});

it('a log whose beginning was cut gets a checkpoint at once', () => {
  expect(step({ added: 101 })).toBe('rotate');
  expect(step({ added: 101, newer: mark(`${NOW}-0`) })).toBe('promote');
  expect(step({ added: 101, older: mark(`${NOW}-0`, 0, 101) })).toBeNull();
});

it('the bytes of all together: whoever has most gives', () => {
  const [small, large] = [
    { length: 10, bytes: 100 },
    { length: 90, bytes: 900 },
  ];
  const found = limitsOf([small, large], { age: 1, events: 1_000_000, bytes: 500 });
  expect(found.get(small)).toEqual({ soft: 5, hard: 1_000_000 });
  expect(found.get(large)).toEqual({ soft: 45, hard: 35 });
  expect(limitsOf([small], { age: 1, events: 7, bytes: 500 }).get(small)).toEqual({ soft: 7, hard: 7 });
  expect(limitsOf([{ length: 0, bytes: 0 }], { age: 1, events: 7, bytes: 1 }).size).toBe(1);
});
