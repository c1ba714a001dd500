/**
 * How properties over random stories are run: as often as they say, or RUNS times; and when one fails, the message ends with the command that runs the
 * failed case again, by its seed and its place (SEED and AT are read here).
 */
import fc from 'fast-check';
import { expect } from 'vitest';
import { root } from './tree.ts';

/** Parameters for `fc.assert`. `runs`: how often, unless RUNS says otherwise. */
export function runs<T>(usual: number): fc.Parameters<T> {
  const { RUNS, SEED, AT } = process.env;
  return {
    numRuns: RUNS === undefined ? usual : numberOf('RUNS', RUNS),
    ...(SEED === undefined ? {} : { seed: numberOf('SEED', SEED) }),
    ...(AT === undefined ? {} : { path: AT, endOnFailure: true }),
    reporter: throwWithCommand,
  };
}

function throwWithCommand<T>(details: fc.RunDetails<T>): void {
  if (!details.failed) return;
  const { errorInstance } = details;
  const what = errorInstance instanceof Error ? errorInstance.message : String(errorInstance);
  throw new Error(`${fc.defaultReportMessage(details)}\n\n${what}\n\nThe same again:\n  ${commandOf(details)}`, { cause: errorInstance });
}

/** PATH is the shell's own, so the place is called AT. */
function commandOf({ seed, counterexamplePath }: { seed: number; counterexamplePath: string | null }): string {
  const { testPath = '', currentTestName = '' } = expect.getState();
  const file = testPath.startsWith(root) ? testPath.slice(root.length + 1) : testPath;
  // vitest takes a pattern.
  const title = currentTestName.replace(/[^\p{L}\p{N} ,:]/gu, '.');
  const place = counterexamplePath === null || counterexamplePath === '' ? '' : ` AT=${counterexamplePath}`;
  return `SEED=${seed}${place} npm test -- ${file} -t "${title}"`;
}

function numberOf(name: string, text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value)) throw new Error(`${name}=${text} is not a whole number`);
  return value;
}
