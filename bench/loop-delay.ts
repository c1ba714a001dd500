/**
 * How long the event loop was held up at most: by the clock (`monitorEventLoopDelay`), which on a busy machine has what others took in it, and by what this
 * thread itself worked between two turns of a timer of 1 ms. ms.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks';

/** What pointsman's own work may take of it in one go. */
export const BLOCKED_MOST_MS = 50;

export interface Held {
  readonly clock: number;
  readonly own: number;
}

/** From now on; what is returned ends it. */
export function watchLoop(): () => Held {
  const delay = monitorEventLoopDelay({ resolution: 1 });
  let last = ownMs();
  let own = 0;
  const look = (): void => {
    const now = ownMs();
    own = Math.max(own, now - last);
    last = now;
  };
  const timer = setInterval(look, 1);
  delay.enable();
  return () => {
    look();
    clearInterval(timer);
    delay.disable();
    return { clock: delay.max / 1e6, own };
  };
}

function ownMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}

export function worst(a: Held, b: Held): Held {
  return { clock: Math.max(a.clock, b.clock), own: Math.max(a.own, b.own) };
}
