/** The life of a long-running part. `start` resolves when it is at work, or trying again on its own; it does not throw because something outside is down. */
export interface Role {
  readonly name: string;
  start(): Promise<void>;
  /** Finishes or hands over what is in hand, then lets go of everything. Safe to call twice. */
  stop(): Promise<void>;
}
