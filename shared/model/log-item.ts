/** PURE. What a log is read as, stream by stream: where it begins, its events in order, and checkpoints where they stand among them. */
import type { EventId, InstanceId } from './ids.ts';

/** An entry of any stream, of whatever type. */
export interface Entry {
  readonly id: EventId;
  readonly v: number;
  readonly type: string;
  readonly data: unknown;
  readonly source: string | null;
  readonly cause: EventId | null;
}

export type LogItem =
  /** `after`: the event that the first one follows. `start`: what stood there is known: it is the log's beginning, or a checkpoint follows. */
  | {
      readonly kind: 'stream';
      readonly of: 'service' | 'proxy';
      /** A service's name, or a proxy's id. */
      readonly name: string;
      readonly after: EventId;
      readonly start: 'beginning' | 'checkpoint' | 'none';
    }
  /** The snapshots as they were stored when the cursor stood here; JSON, byte for byte. */
  | { readonly kind: 'checkpoint'; readonly cursor: EventId; readonly revision: number; readonly service: string }
  | { readonly kind: 'instance'; readonly instance: InstanceId; readonly json: string }
  | { readonly kind: 'address'; readonly address: string; readonly json: string }
  | { readonly kind: 'checkpoint-end' }
  | ({ readonly kind: 'event' } & Entry)
  | { readonly kind: 'end' };
