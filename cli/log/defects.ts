/** PURE. What was wrong with an export that is read all the same: counted, and the first of it told. */
import { printable } from '../printable.ts';

/** Told one by one, of either kind. */
const TOLD_MAX = 20;
const REASON_MAX = 300;

export interface Defects {
  /** Lines that were left out. */
  readonly count: number;
  /** `LINE: reason`, the first ones. */
  readonly told: readonly string[];
  /** What is wrong without a line that could be left out: something is missing, or was changed. */
  readonly noted: number;
  readonly notes: readonly string[];
}

export class DefectList {
  #count = 0;
  #noted = 0;
  readonly #told: string[] = [];
  readonly #notes: string[] = [];

  get all(): Defects {
    return { count: this.#count, told: this.#told, noted: this.#noted, notes: this.#notes };
  }

  leftOut(line: number, reason: string): void {
    this.#count += 1;
    if (this.#told.length < TOLD_MAX) this.#told.push(`${line}: ${shortly(reason)}`);
  }

  note(line: number, reason: string): void {
    this.#noted += 1;
    if (this.#notes.length < TOLD_MAX) this.#notes.push(`${line}: ${shortly(reason)}`);
  }
}

/** Parts of a reason are the file's own words. */
export function shortly(reason: string): string {
  return printable(reason.slice(0, REASON_MAX));
}
