/**
 * The whole fold under everything that can be told it: acts of everybody, doubled, late, in another order, spoiled; with deadlines that ring when they
 * are due, and deadlines of earlier visits. After each event every invariant holds.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ServiceEvent } from '../../shared/model/event.ts';
import type { ServiceConfig } from '../../shared/model/service-config.ts';
import { type Act, acts, config, Writers } from '../support/acts.ts';
import { Disorder, type Fate, fate } from '../support/disorder.ts';
import { Budget, brokenOfFold, brokenOfFoldStep, momentOf } from '../support/fold-invariants.ts';
import { runs } from '../support/property.ts';
import { Story } from '../support/service-events.ts';

/** Rounds of deadlines in which nothing may be left to ring: a deadline that is armed for now is answered in the next round. */
const ROUNDS = 20;

/** Plays a story event by event and throws with the first event that breaks something. */
class Checked {
  readonly story = new Story(null);
  readonly #budget = new Budget();
  /** Deadlines that rang. Who was forgotten meanwhile begins anew, with its tokens too. */
  #rung: Extract<ServiceEvent, { type: 'timer' }>[] = [];

  tell(event: ServiceEvent): void {
    const before = momentOf(this.story.state);
    this.story.tell(event);
    const after = momentOf(this.story.state);
    const problems = [
      ...brokenOfFold(this.story.state),
      ...brokenOfFoldStep(before, after, event, this.story.now),
      ...this.#budget.note(before, after, event, this.story.now),
    ];
    if (problems.length > 0) throw new Error(`after ${JSON.stringify(event)}: ${problems.join('; ')}`);
    this.#rung = this.#rung.filter(({ instance }) => instance === null || after.instances.has(instance));
  }

  /** Lets what is due ring until nothing is. */
  pass(ms: number): void {
    this.story.pass(ms);
    for (let round = 0; this.story.due().length > 0; round += 1) {
      if (round === ROUNDS) throw new Error(`deadlines that ring for ever: ${JSON.stringify(this.story.due())}`);
      for (const event of this.story.due()) {
        this.#rung.push(event);
        this.tell(event);
      }
    }
  }

  /** A deadline of an earlier visit changes nothing at all. */
  ringAgain(pick: number): void {
    const event = this.#rung[pick % Math.max(1, this.#rung.length)];
    if (event === undefined) return;
    const before = momentOf(this.story.state);
    this.tell(event);
    expect(momentOf(this.story.state)).toEqual(before);
  }
}

function play(first: ServiceConfig, story: readonly Act[], fates: readonly Fate[]): { checked: Checked; disorder: Disorder } {
  const checked = new Checked();
  const writers = new Writers(first);
  const disorder = new Disorder();
  checked.tell({ type: 'configured', config: first });
  for (const [index, act] of story.entries()) {
    if (act.kind === 'pass') checked.pass(act.ms);
    const events = writers.events(act, checked.story.now);
    for (const event of disorder.deliver(events, fates[index] ?? { kind: 'once' })) checked.tell(event);
    if (act.kind === 'stale') checked.ringAgain(act.pick);
  }
  return { checked, disorder };
}

describe('whatever is told', () => {
  it.each([
    ['few', 4],
    ['many', 12],
  ])('keeps every invariant after every event, with %s instances in order', (_what, hosts) => {
    fc.assert(
      fc.property(config, acts(hosts, 100), (first, story) => {
        play(first, story, []);
      }),
      runs(600),
    );
  });

  it.each([
    ['few', 4],
    ['many', 12],
  ])('keeps every invariant after every event, with %s instances doubled, late, reordered and spoiled', (_what, hosts) => {
    const refused: number[] = [];
    fc.assert(
      fc.property(config, acts(hosts, 100), fc.array(fate, { maxLength: 100, size: 'max' }), (first, story, fates) => {
        refused.push(play(first, story, fates).disorder.refused);
      }),
      runs(600),
    );
    // The boundary was met, and not only passed.
    expect(Math.max(...refused)).toBeGreaterThan(0);
  });
});
