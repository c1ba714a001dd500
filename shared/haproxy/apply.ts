/**
 * Sends commands to one worker. Before the first and after the last it makes sure that the worker is the living one, because a connection from
 * before a reload talks to the old worker, which answers as if nothing had happened. Before each batch the claim on the proxy is asked for:
 * whoever lost it sends nothing more. Commands are no transaction: one that HAProxy refuses is told in its result, and the others go on.
 */
import { assert, PointsmanError } from '../errors.ts';
import type { Capabilities } from '../model/capabilities.ts';
import type { WorkerIdentity } from '../model/observed.ts';
import type { PlannedCommand } from '../plan/backend-plan.ts';
import type { Command, Outcome } from '../plan/command.ts';
import { BATCH_LINES_MAX, type RuntimeConnection } from './connection.ts';
import { linesOf, REMOVABLE_WAIT_MS } from './encode.ts';
import { assertLiving } from './observe.ts';
import { judge, shown } from './protocol.ts';

/** A connection stays with its worker; within this time only the end of that worker can have come between, which the proof at the end finds. */
const PROOF_FRESH_MS = 100;

/** Of a batch, all its waits together. With what 500 lines take otherwise it is less than the rest of a claim that was still held before it (shared/redis/claim.ts). */
const BATCH_WAIT_MAX_MS = 1_000;

export interface ApplyOptions {
  readonly capabilities: Capabilities;
  /** The worker that the plan was made for. */
  readonly expected: WorkerIdentity;
  /** When this very connection was last proven to be to it (performance.now()); younger than PROOF_FRESH_MS, it counts as the proof at the start. */
  readonly provenAt?: number;
  /** Asked before each batch of at most 500 lines and BATCH_WAIT_MAX_MS of waits. */
  readonly stillClaimed: () => boolean;
  readonly signal?: AbortSignal;
  /** Called as each command is answered. */
  readonly onReply?: (result: CommandResult) => void;
}

export interface CommandResult {
  readonly command: Command;
  readonly reason: string;
  readonly outcome: Outcome;
  /** HAProxy's replies as people may see them: one line, bounded. */
  readonly reply: string;
  /** From the sending of its batch to its last reply. */
  readonly ms: number;
}

export interface Applied {
  /** Of the commands that were answered, in order; those that were not sent or not answered are missing. */
  readonly results: readonly CommandResult[];
  /** Why not all were sent, or why what was answered may not hold; null: all were answered by the living worker. */
  readonly failed: PointsmanError | null;
}

interface Batch {
  readonly entries: { readonly planned: PlannedCommand; readonly lines: readonly string[] }[];
  lines: number;
  waitMs: number;
}

export async function applyCommands(
  connection: RuntimeConnection,
  commands: readonly PlannedCommand[],
  options: ApplyOptions,
): Promise<Applied> {
  const results: CommandResult[] = [];
  try {
    if (commands.length === 0) return { results, failed: null };
    if (performance.now() - (options.provenAt ?? Number.NEGATIVE_INFINITY) > PROOF_FRESH_MS)
      await assertLiving(connection, options.expected);
    for (const batch of inBatches(commands, options.capabilities)) {
      assertClaimed(connection, options);
      const strange = await sendBatch(connection, batch, options, results);
      if (strange !== null) return { results, failed: strange };
    }
    await assertLiving(connection, options.expected);
    return { results, failed: null };
  } catch (error) {
    if (error instanceof PointsmanError) return { results, failed: error };
    throw error;
  }
}

/**
 * A command's lines stay together, so that a lost claim does not leave a server half made. Each batch is encoded when it is its turn: the lines of 5,000
 * servers at once would hold up the event loop for 50 ms and more.
 */
function* inBatches(commands: readonly PlannedCommand[], capabilities: Capabilities): Generator<Batch> {
  let batch: Batch = { entries: [], lines: 0, waitMs: 0 };
  for (const planned of commands) {
    const lines = linesOf(planned.command, capabilities);
    const waitMs = REMOVABLE_WAIT_MS * lines.filter((line) => line.class === 'wait').length;
    const isFull = batch.lines + lines.length > BATCH_LINES_MAX || batch.waitMs + waitMs > BATCH_WAIT_MAX_MS;
    if (batch.lines > 0 && isFull) {
      yield batch;
      batch = { entries: [], lines: 0, waitMs: 0 };
    }
    batch.entries.push({ planned, lines: lines.map(({ text }) => text) });
    batch.lines += lines.length;
    batch.waitMs += waitMs;
  }
  yield batch;
}

/** The first reply that could not be understood, else null. Throws what the connection throws; what was answered before is in `results`. */
async function sendBatch(
  connection: RuntimeConnection,
  batch: Batch,
  options: ApplyOptions,
  results: CommandResult[],
): Promise<PointsmanError | null> {
  const sent = performance.now();
  let at = 0;
  let replies: string[] = [];
  let strange: PointsmanError | null = null;
  const onReply = (reply: string): void => {
    const entry = batch.entries[at];
    assert(entry !== undefined, 'a reply belongs to a command');
    replies.push(reply);
    if (replies.length < entry.lines.length) return;
    const { result, error } = judged(entry.planned, options.capabilities, replies, performance.now() - sent);
    strange ??= error;
    results.push(result);
    options.onReply?.(result);
    at += 1;
    replies = [];
  };
  await connection.send(
    batch.entries.flatMap((entry) => entry.lines),
    { onReply },
  );
  return strange;
}

function judged(
  planned: PlannedCommand,
  capabilities: Capabilities,
  replies: readonly string[],
  ms: number,
): { result: CommandResult; error: PointsmanError | null } {
  const { command, reason } = planned;
  const reply = shown(replies.filter((line) => line.trim() !== '').join(' / '));
  try {
    return { result: { command, reason, outcome: judge(command, capabilities, replies), reply, ms }, error: null };
  } catch (error) {
    if (!(error instanceof PointsmanError)) throw error;
    return { result: { command, reason, outcome: 'refused', reply, ms }, error };
  }
}

function assertClaimed(connection: RuntimeConnection, options: ApplyOptions): void {
  if (options.signal?.aborted !== true && options.stillClaimed()) return;
  throw new PointsmanError('CLAIM_LOST', `the claim on the proxy at ${connection.address} was lost, or the work was called off`, {
    hint: 'another worker holds the proxy now; the rest is its to do',
    retry: 'transient',
  });
}
