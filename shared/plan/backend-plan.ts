/** PURE. What one look at one backend says should be done. The same value serves apply, verify, drift and the dry run. */
import type { Command } from './command.ts';

export interface PlannedCommand {
  readonly command: Command;
  /** For people: why, in a few words. */
  readonly reason: string;
}

export interface Waiting {
  readonly server: string;
  /** For people: what must happen first. */
  readonly reason: string;
}

/** Why no further servers are begun to be made anew. */
export interface Hold {
  readonly why: string;
  /** When it is asked about again, ms since the epoch; null: soon. */
  readonly nextTry: number | null;
}

export interface BackendPlan {
  readonly backend: string;
  /** In the order to send them. */
  readonly commands: readonly PlannedCommand[];
  /** What cannot be done yet; a later look will plan it. */
  readonly waiting: readonly Waiting[];
  /** What no command can do; the commands are right all the same. */
  readonly reload: { readonly reason: string } | null;
  /** Why nothing can be done from here, not even by a reload. */
  readonly blocked: string | null;
  /** Servers are being made anew, or wait for it; missing: none. */
  readonly anew?: { readonly held: Hold | null };
}

/** Whether HAProxy has what is desired. */
export function isEmpty(plan: BackendPlan): boolean {
  return plan.commands.length === 0 && plan.waiting.length === 0 && plan.reload === null && plan.blocked === null;
}
