/** PURE. How much of the event logs is kept; whichever comes first. */
export interface Retain {
  /** ms */
  readonly age: number;
  /** Of one stream. */
  readonly events: number;
  /** Of all streams together. */
  readonly bytes: number;
}
