/** How a failed command ends: a line of what, a line of what to do, the code and the stack with `--verbose`, and the exit code. */
import { CommanderError } from 'commander';
import { type ErrorCode, errorText, PointsmanError } from '../shared/errors.ts';
import type { ExitCode } from './context.ts';

/** Whose fix is in the arguments or in the config file. */
const USAGE_CODES: readonly ErrorCode[] = ['CONFIG_INVALID', 'CONFIG_NOT_FOUND', 'USAGE', 'EXPORT_INVALID'];

export function tellFailure(error: unknown, how: { verbose: boolean; tell: (line: string) => void }): ExitCode {
  const { what, hint, exitCode } = failure(error);
  how.tell(`error: ${what}`);
  how.tell(hint);
  if (how.verbose && error instanceof PointsmanError) how.tell(`code: ${error.code}`);
  if (how.verbose && error instanceof Error) how.tell(stackOf(error));
  return exitCode;
}

function failure(error: unknown): { what: string; hint: string; exitCode: ExitCode } {
  if (error instanceof CommanderError) {
    const what = error.message.replace(/^error: /, '').replace(/\n\(Did you mean (.*)\?\)/s, ' (did you mean $1?)');
    return { what, hint: '`pointsman --help` lists the commands, `pointsman COMMAND --help` the options of one', exitCode: 2 };
  }
  if (error instanceof PointsmanError) {
    return { what: error.message, hint: error.hint, exitCode: USAGE_CODES.includes(error.code) ? 2 : 1 };
  }
  return { what: errorText(error), hint: 'this should not happen; run it again with --verbose for the stack', exitCode: 1 };
}

/** With the stacks of what caused it. */
function stackOf(error: Error): string {
  const cause = error.cause instanceof Error ? `\ncaused by ${stackOf(error.cause)}` : '';
  return `${error.stack ?? String(error)}${cause}`;
}
