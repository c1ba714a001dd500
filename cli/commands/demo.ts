/**
 * `pointsman demo`: everything of it on one machine, for a look: at a terminal a running display, else (or with `--tour`) a scripted
 * story that ends with 0 when all of it held. Exit 2 when a program that it needs is not installed.
 */
import type { Command } from 'commander';
import { PointsmanError } from '../../shared/errors.ts';
import type { CliContext } from '../context.ts';
import { findPrograms, type Programs } from '../demo/programs.ts';
import { runSession } from '../demo/session.ts';
import { wantsColour } from '../table.ts';

interface Options {
  readonly tour?: boolean;
  readonly keep?: boolean;
}

export function register(command: Command, context: CliContext): void {
  command
    .option('--tour', 'run the scripted story and exit (always so without a terminal, or with CI set)')
    .option('--keep', 'leave the folder with logs, config and data')
    .action((options: Options) => demo(context, options));
}

async function demo(context: CliContext, options: Options): Promise<void> {
  const programs = programsOrNull(context);
  if (programs === null) return;
  const session = { programs, keep: options.keep === true, tell: context.tell };
  if (options.tour === true || !isInteractive()) {
    const { runTour } = await import('../demo/tour.ts');
    const colour = wantsColour(process.stdout, process.env);
    const held = await runSession(session, (stack) => runTour({ stack, print: context.print, colour }));
    context.exitCode = held ? 0 : 1;
    return;
  }
  const { runInteractive } = await import('../demo/interactive.ts');
  await runSession(session, (stack) => runInteractive(stack, context.print));
}

function isInteractive(): boolean {
  return process.stdout.isTTY === true && process.stdin.isTTY === true && (process.env['CI'] ?? '') === '';
}

function programsOrNull(context: CliContext): Programs | null {
  try {
    return findPrograms(process.env);
  } catch (error) {
    if (!(error instanceof PointsmanError) || error.code !== 'TOOL_MISSING') throw error;
    context.tell(`error: ${error.message}`);
    context.tell(error.hint);
    context.exitCode = 2;
    return null;
  }
}
