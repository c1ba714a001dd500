/** PURE. What `check --live` found of one thing that pointsman needs, as one line. */
import { errorText, PointsmanError } from '../../shared/errors.ts';

export interface Finding {
  /** `zookeeper`, `redis`, `proxy <id>`. */
  readonly of: string;
  /** note: nothing is in the way, and it is worth knowing. */
  readonly state: 'ok' | 'note' | 'failed';
  readonly detail: string;
  /** What to do; null: nothing. */
  readonly hint: string | null;
}

export function ok(of: string, detail: string): Finding {
  return { of, state: 'ok', detail, hint: null };
}

export function note(of: string, detail: string): Finding {
  return { of, state: 'note', detail, hint: null };
}

export function failed(of: string, detail: string, hint: string | null): Finding {
  return { of, state: 'failed', detail, hint };
}

export function failure(of: string, error: unknown): Finding {
  return failed(of, errorText(error), error instanceof PointsmanError ? error.hint : null);
}

const WORDS: Readonly<Record<Finding['state'], string>> = { ok: 'ok', note: 'note', failed: 'FAILED' };

export function findingLine({ of, state, detail, hint }: Finding): string {
  const said = hint === null ? detail : `${detail}; ${hint}`;
  return `${WORDS[state].padEnd(6)}  ${of}: ${said.replace(/\s*\n\s*/g, '; ')}`;
}
