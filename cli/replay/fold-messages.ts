/** PURE. What a replay and its threads tell each other. After each `told` the thread waits for a word, so that nothing piles up. */
import type { ErrorCode } from '../../shared/errors.ts';
import type { ServiceName } from '../../shared/model/ids.ts';
import type { FoldedFile } from './fold-file.ts';
import type { ReplayRequest, Told } from './replay-report.ts';

export interface ToFolder {
  readonly file: string;
  readonly request: ReplayRequest;
  readonly services: readonly ServiceName[];
}

export type FromFolder =
  | { readonly kind: 'told'; readonly told: readonly Told[]; readonly events: number }
  | { readonly kind: 'done'; readonly folded: FoldedFile }
  /** `code` is null for what is a bug. */
  | { readonly kind: 'failed'; readonly code: ErrorCode | null; readonly text: string; readonly hint: string };
