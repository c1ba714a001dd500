/** Twenty kills, each in the middle of an apply; prints what each took. */
import { expect, it } from 'vitest';
import { KillStory, killedInTheMiddle, type Round } from '../support/kill-story.ts';

const ROUNDS = 20;

it(`${ROUNDS} kills in the middle of an apply: each converges within 10 s, no server left half made`, { timeout: 600_000 }, async () => {
  const story = await KillStory.start();
  const rounds: Round[] = [];
  try {
    for (let turn = 0; turn < ROUNDS; turn += 1) rounds.push(await story.round(turn));
  } finally {
    await story.stop();
    const times = rounds.map((round) => Math.round(round.convergedMs)).sort((a, b) => a - b);
    process.stdout.write(
      `${`kill to convergence, ms, n=${times.length}: median ${times[Math.floor(times.length / 2)]}, most ${times.at(-1)}; all ${times.join(' ')}`}\n`,
    );
  }
  expect(rounds.filter((round) => !killedInTheMiddle(round))).toEqual([]);
  for (const round of rounds) expect(round.convergedMs).toBeLessThan(10_000);
});
