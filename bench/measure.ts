/**
 * One change, from the call that makes it in Zookeeper to the traffic at HAProxy's port. An add has moved traffic when the new instance's first
 * answer arrives; a delete has when the last answer of the instance has arrived, which is known once enough requests in a row went
 * elsewhere (of two instances in turn, every second request would have gone to it).
 */
import { within } from '../shared/runtime/deadline.ts';
import type { PlainClient } from '../test/support/plain-client.ts';
import { clock } from './clock.ts';
import { type Answer, Poller } from './poller.ts';
import type { Variant } from './variants/variant.ts';

export interface Measured {
  /** ms from the call to the traffic. */
  readonly moved: number;
  /** ms from the call to Zookeeper's answer to it. */
  readonly answered: number;
  /** ms, of `clock`: the call. */
  readonly from: number;
  /** Requests of the poller without an answer of 200. */
  readonly failed: number;
}

/** Answers before the call, so that everything on the way is awake. */
const WARM_ANSWERS = 20;
/** Requests in a row without the instance that prove that it is out. */
const WITHOUT = 20;
/** Answers of the instance that show that it stays in. */
const WITH = 3;
const WITHIN_MS = 15_000;

export function measureAdd(tree: PlainClient, variant: Variant, instance: number): Promise<Measured> {
  let first: number | null = null;
  let more = 0;
  return measure(variant, `add ${instance}`, () => tree.create(`${variant.path}/127.0.0.1:${instance}`, '', 'ephemeral'), {
    hear: (answer) => {
      if (answer.instance !== instance) return null;
      first ??= answer.at;
      more += 1;
      return more > WITH ? first : null;
    },
  });
}

export function measureRemove(tree: PlainClient, variant: Variant, instance: number): Promise<Measured> {
  let last: number | null = null;
  let without = 0;
  return measure(variant, `remove ${instance}`, () => tree.remove(`${variant.path}/127.0.0.1:${instance}`), {
    before: (answer) => {
      if (answer.instance === instance) last = answer.at;
    },
    hear: (answer) => {
      without = answer.instance === instance ? 0 : without + 1;
      if (without === 0) last = answer.at;
      return without >= WITHOUT ? last : null;
    },
  });
}

async function measure(
  variant: Variant,
  what: string,
  change: () => Promise<unknown>,
  look: { before?: (answer: Answer) => void; hear: (answer: Answer) => number | null },
): Promise<Measured> {
  let warm = 0;
  let from: number | null = null;
  let answered = 0;
  let poller: Poller | null = null;
  const moved = new Promise<number>((resolve, reject) => {
    poller = new Poller(variant.port, (answer) => {
      if (from !== null) {
        const at = look.hear(answer);
        if (at !== null) resolve(at);
        return;
      }
      look.before?.(answer);
      warm += 1;
      if (warm < WARM_ANSWERS) return;
      from = clock();
      change().then(() => {
        answered = clock();
      }, reject);
    });
  });
  try {
    const at = await within(WITHIN_MS, moved, () => new Error(`${variant.name}: ${what}: no traffic moved within ${WITHIN_MS} ms`));
    const start = from ?? at;
    return { moved: at - start, answered: answered - start, from: start, failed: (poller as Poller | null)?.failed ?? 0 };
  } finally {
    (poller as Poller | null)?.stop();
  }
}
