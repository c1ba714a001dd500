/**
 * PURE. What is wrong in a config file: where it stands, what was found there and what was expected. A config is refused with all
 * of its problems at once. No problem carries a secret (see mask.ts).
 */
import { PointsmanError } from '../errors.ts';

export interface ConfigProblem {
  /** The file's path as it was given; `<config>` when the text came from no file. */
  readonly file: string;
  /** Counted from 1. */
  readonly line: number;
  readonly column: number;
  /** The key's path, e.g. `services.inventory.listen`; empty for the file as a whole. */
  readonly key: string;
  readonly found: string;
  readonly expected: string;
  /** The known key or word that is nearest to what was found. */
  readonly suggestion: string | null;
}

/** CONFIG_INVALID, with every problem in the order of the file. */
export class ConfigError extends PointsmanError {
  readonly problems: readonly ConfigProblem[];

  constructor(problems: readonly ConfigProblem[]) {
    const count = problems.length === 1 ? '1 problem' : `${problems.length} problems`;
    super('CONFIG_INVALID', `${count} in the config:\n${problems.map(formatProblem).join('\n')}`, {
      hint: 'correct the file and run `pointsman check`; docs/configuration.md lists every key',
      retry: 'after',
    });
    this.problems = problems;
  }
}

/** `file:line:column key: found X, expected Y (did you mean Z?)`, one line. */
export function formatProblem(problem: ConfigProblem): string {
  const at = `${problem.file}:${problem.line}:${problem.column}`;
  const key = problem.key === '' ? '' : ` ${problem.key}:`;
  const suggestion = problem.suggestion === null ? '' : ` (did you mean ${problem.suggestion}?)`;
  return `${at}${key} found ${problem.found}, expected ${problem.expected}${suggestion}`;
}

export function compareProblems(a: ConfigProblem, b: ConfigProblem): number {
  return a.line - b.line || a.column - b.column || a.key.localeCompare(b.key, 'en') || a.expected.localeCompare(b.expected, 'en');
}
