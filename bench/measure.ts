/**
 * One change, from the call that makes it in Zookeeper to the first answer at HAProxy's port that shows it. An add shows when the new instance
 * answers. A delete shows when the instance misses its turn: of two in turn it would answer every second request, so the second answer in
 * a row without it is the one; that it stays out is confirmed by more of them. The last answer of the instance is noted beside it.
 */
import { within } from '../shared/runtime/deadline.ts';
import type { PlainClient } from '../test/support/plain-client.ts';
import { clock } from './clock.ts';
import { type Answer, Poller } from './poller.ts';
import type { Variant } from './variants/variant.ts';

export interface Measured {
  /** ms from the call to the answer that shows the change. */
  readonly moved: number;
  /** ms from the call to the last answer of the instance; of a delete only. */
  readonly last: number | null;
  /** ms from the call to Zookeeper's answer to it. */
  readonly answered: number;
  /** ms, of `clock`: the call. */
  readonly from: number;
  /** Requests of the poller without an answer of 200. */
  readonly failed: number;
}

/** What a change is made and looked at with. */
export interface Hand {
  readonly tree: Pick<PlainClient, 'create' | 'remove'>;
  /** ms between two requests. */
  readonly everyMs: number;
}

/** Answers before the call, so that everything on the way is awake. */
const WARM_ANSWERS = 20;
/** Answers in a row without the instance that show that it is out, and that prove it. */
const MISSED = 2;
const WITHOUT = 20;
/** Answers of the instance that show that it stays in. */
const WITH = 3;
const WITHIN_MS = 15_000;

/** What an answer shows: nothing yet, or when the change showed. */
type Look = (answer: Answer) => { readonly moved: number; readonly last: number | null } | null;

export function measureAdd({ tree, everyMs }: Hand, variant: Variant, instance: number): Promise<Measured> {
  let first: number | null = null;
  let more = 0;
  const look: Look = (answer) => {
    if (answer.instance !== instance) return null;
    first ??= answer.at;
    more += 1;
    return more > WITH ? { moved: first, last: null } : null;
  };
  return measure(variant, `add ${instance}`, () => tree.create(`${variant.path}/127.0.0.1:${instance}`, '', 'ephemeral'), everyMs, look);
}

export function measureRemove({ tree, everyMs }: Hand, variant: Variant, instance: number): Promise<Measured> {
  let last = 0;
  let missed = 0;
  let without = 0;
  const look: Look = (answer) => {
    without = answer.instance === instance ? 0 : without + 1;
    if (without === 0) last = answer.at;
    if (without === MISSED) missed = answer.at;
    return without >= WITHOUT ? { moved: missed, last } : null;
  };
  return measure(variant, `remove ${instance}`, () => tree.remove(`${variant.path}/127.0.0.1:${instance}`), everyMs, look);
}

async function measure(variant: Variant, what: string, change: () => Promise<unknown>, everyMs: number, look: Look): Promise<Measured> {
  let warm = 0;
  let from = 0;
  let answered = 0;
  const { promise: shown, resolve, reject } = Promise.withResolvers<{ moved: number; last: number | null }>();
  const poller = new Poller(variant.port, everyMs, (answer) => {
    const seen = look(answer);
    if (from > 0) {
      if (seen !== null) resolve(seen);
      return;
    }
    warm += 1;
    if (warm < WARM_ANSWERS) return;
    from = clock();
    change().then(() => {
      answered = clock();
    }, reject);
  });
  try {
    const { moved, last } = await within(
      WITHIN_MS,
      shown,
      () => new Error(`${variant.name}: ${what}: no traffic moved within ${WITHIN_MS} ms`),
    );
    return {
      moved: moved - from,
      last: last === null ? null : Math.max(0, last - from),
      answered: answered - from,
      from,
      failed: poller.failed,
    };
  } finally {
    poller.stop();
  }
}
