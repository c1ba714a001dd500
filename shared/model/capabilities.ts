/** PURE. What this HAProxy can do, asked of the process itself, and what follows for the plan. */
import type { AbilityName } from './abilities.ts';

export interface Capabilities extends Readonly<Record<AbilityName, boolean>> {
  /** As HAProxy prints it, e.g. `2.6.12-1+deb12u4`. */
  readonly version: string;
  readonly major: number;
  readonly minor: number;
}
