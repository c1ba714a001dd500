/** A step of the tour: what it shows, and how it finds out whether it held. */
import type { Instance } from './instance.ts';
import type { Load } from './load.ts';
import type { Stack } from './stack.ts';
import type { World } from './world.ts';

export interface TourContext {
  readonly stack: Stack;
  readonly world: World;
  readonly load: Load;
  readonly signal: AbortSignal;
}

export interface TourStep {
  readonly name: string;
  /** What happens, in a few words. */
  readonly title: string;
  /** Requests that may fail during the step: those on their way into a process when it is killed. 0 where nothing is. */
  readonly lossesMax: number;
  /** What was seen, a line each. Throws what did not hold. */
  run(context: TourContext): Promise<string[]>;
}

/** Something that was promised and did not hold. */
export class NotHeld extends Error {
  override readonly name = 'NotHeld';
}

export function hold(condition: boolean, otherwise: string): asserts condition {
  if (!condition) throw new NotHeld(otherwise);
}

export function instancesOf({ stack }: TourContext, service: string): Instance[] {
  return stack.instances.filter((instance) => instance.service === service && instance.child.running);
}

/** `ms` for people. */
export function duration(ms: number): string {
  return ms < 1_000 ? `${Math.max(0, Math.round(ms))} ms` : `${(ms / 1_000).toFixed(1)} s`;
}
