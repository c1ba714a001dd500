/**
 * PURE. When the absence of a child may be believed. Absence of knowledge is not an empty list: what a session's first reading
 * misses counts only once a second one, a session timeout later and with a write of ours ahead of it, misses it too; so does a
 * parent that is missing. What was seen on this session and then left is believed at once.
 */

export type Trust =
  /** Nothing was read in this session. */
  | { readonly state: 'unread' }
  /** Something is missing since `since` (ms, monotonic) and not believed yet. */
  | { readonly state: 'doubt'; readonly since: number }
  | { readonly state: 'sure' };

export interface TrustReading {
  readonly kind: 'full' | 'delta';
  readonly parent: { readonly present: boolean };
  readonly at: { readonly synced: boolean };
}

/** Whether what this reading misses is gone. `wait` and `now` in ms. */
export function believes(trust: Trust, reading: TrustReading, now: number, wait: number): boolean {
  if (reading.kind === 'delta') return true;
  switch (trust.state) {
    case 'unread':
      return false;
    case 'doubt':
      return reading.at.synced && now - trust.since >= wait;
    case 'sure':
      return reading.parent.present;
  }
}

/** After a reading of which `missing` children were not believed to be gone. */
export function trustAfter(trust: Trust, reading: TrustReading, missing: number, now: number): Trust {
  if (reading.kind === 'delta') return trust;
  if (missing === 0) return { state: 'sure' };
  return trust.state === 'doubt' ? trust : { state: 'doubt', since: now };
}
