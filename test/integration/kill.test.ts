/** Three processes share the work; one is killed in the middle of an apply. The twenty repetitions are in test/long. */
import { expect, it } from 'vitest';
import { KillStory, killedInTheMiddle } from '../support/kill-story.ts';

it('a process killed in the middle of an apply leaves nothing half made: converged within 10 s', { timeout: 120_000 }, async () => {
  const story = await KillStory.start();
  try {
    for (let turn = 0; turn < 2; turn += 1) {
      const round = await story.round(turn);
      expect(killedInTheMiddle(round), JSON.stringify(round)).toBe(true);
      expect(round.convergedMs).toBeLessThan(10_000);
    }
  } finally {
    await story.stop();
  }
});
