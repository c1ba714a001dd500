/** What the demo and its sample processes say to each other. Times are ms since the epoch, with fractions. */

/** To a process that holds registrations. */
export type Order =
  | { readonly type: 'register'; readonly path: string }
  | { readonly type: 'deregister'; readonly path: string }
  /** To a sample instance: forget when the first request came. */
  | { readonly type: 'mark' }
  /** To a sample instance: take connections and answer nothing, or answer again. */
  | { readonly type: 'hang'; readonly on: boolean };

/** From a process that holds registrations. */
export type Report =
  | { readonly type: 'listening' }
  | { readonly type: 'session'; readonly id: string | null }
  /** `at`: when the order was sent to Zookeeper; told once Zookeeper has confirmed it. */
  | { readonly type: 'registered'; readonly path: string; readonly at: number }
  | { readonly type: 'deregistered'; readonly path: string; readonly at: number }
  | ({ readonly type: 'traffic' } & Traffic);

/** What reached a sample instance, health checks aside. */
export interface Traffic {
  readonly requests: number;
  /** Requests to /slow that are not answered yet. */
  readonly slow: number;
  /** When the first request since the mark came; null: none yet. */
  readonly firstAt: number | null;
  readonly lastAt: number | null;
}

export function clock(): number {
  return performance.timeOrigin + performance.now();
}

export function isReport(message: unknown): message is Report {
  return typeof message === 'object' && message !== null && 'type' in message;
}
