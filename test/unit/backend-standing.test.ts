/** How a backend stands when commands go on: a block or a wanted reload ends with what a look finds, not with what is sent. */
import { expect, it } from 'vitest';
import { backendEvent, newBackend, stepBackend } from '../../machines/backend.ts';
import type { ProxyEvent } from '../../shared/model/proxy-event.ts';

const BEGUN: readonly ProxyEvent[] = [
  { type: 'blocked', service: 'web', detail: 'refused', nextTry: 9 },
  { type: 'reload-wanted', service: 'web', detail: 'its options changed' },
];

it.each(BEGUN)('$type stays through commands that are sent, and ends when a look finds only what time brings', (begun) => {
  const commands = [{ command: 'set server web/a weight 1', reason: 'its weight is 2' }];
  const before = after(newBackend(), begun);
  const sent = after(before, { type: 'patching', service: 'web', revision: 1, commands });
  expect(sent).toEqual(before);
  const found = after(sent, { type: 'patching', service: 'web', revision: 1, commands: [] });
  expect(found).toMatchObject({ state: 'patching', context: { detail: null, nextTry: null } });
});

function after(snapshot: ReturnType<typeof newBackend>, event: ProxyEvent): ReturnType<typeof newBackend> {
  const means = backendEvent(event, 5) ?? expect.fail('it says how a backend stands');
  return stepBackend(snapshot, means);
}
