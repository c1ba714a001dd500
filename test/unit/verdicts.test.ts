/** What a proxy's checks say of an instance, and what of it is news. */
import { expect, it } from 'vitest';
import type { Verdict } from '../../shared/model/event.ts';
import type { ObservedServer } from '../../shared/model/observed.ts';
import { verdictOf } from '../../workers/observer/verdicts.ts';

const UP: ObservedServer = {
  name: 's',
  id: 1,
  address: '10.0.0.1',
  port: 80,
  weight: 1,
  admin: 'ready',
  operation: 'running',
  check: 'passed',
  checkPort: 0,
  checkAddress: null,
  checking: true,
  agent: null,
};

it.each<[what: string, server: Partial<ObservedServer>, before: Verdict, verdict: Verdict]>([
  ['up', {}, 'absent', 'up'],
  ['up, and failing its first check of several', { check: 'failed' }, 'up', 'up'],
  ['down', { operation: 'stopped', check: 'failed' }, 'up', 'down'],
  ['new, its first check out', { operation: 'stopped', check: 'pending' }, 'absent', 'unknown'],
  ['new, its first check failed', { operation: 'stopped', check: 'failed' }, 'unknown', 'down'],
  ['new, its first check good, the second out', { operation: 'stopped' }, 'absent', 'unknown'],
  ['up before, and set down to be let in anew', { operation: 'stopped' }, 'up', 'unknown'],
  ['down, and passing checks again', { operation: 'stopped' }, 'down', 'down'],
  ['loaded anew and running, its first check out', { check: 'pending' }, 'up', 'up'],
  ['down before, loaded anew, its first check out', { check: 'pending' }, 'down', 'down'],
  ['loaded anew as down, its first check out', { operation: 'stopped', check: 'pending' }, 'up', 'unknown'],
  ['down before, in maint', { admin: 'maint', operation: 'stopped' }, 'down', 'down'],
  ['in maint', { admin: 'maint', operation: 'stopped' }, 'up', 'unknown'],
])('a server that is %s', (_what, server, before, verdict) => {
  expect(verdictOf({ ...UP, ...server }, true, before)).toBe(verdict);
});

it('a running server without a check is up', () => {
  expect(verdictOf({ ...UP, check: 'none' }, false, 'absent')).toBe('up');
});
