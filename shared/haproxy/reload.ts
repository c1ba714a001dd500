/**
 * A reload, in the three ways that HAProxy is run: by the master's CLI, by a command (`systemctl reload haproxy`), or by a new process that
 * takes over with `-sf`. It succeeded only when a new worker answers on the runtime socket with our stamp: HAProxy's own "success" is not
 * enough. Everything that was set at runtime and is not in the files is gone afterwards. HAProxy refuses reloads back to back: one at a time.
 */
import { PointsmanError, unreachable } from '../errors.ts';
import type { ServiceName } from '../model/ids.ts';
import type { WorkerIdentity } from '../model/observed.ts';
import type { ReloadWay, RuntimeAddress, SocketAddress } from '../model/proxy-config.ts';
import { pause } from '../runtime/wait.ts';
import { alertsOf } from './config-check.ts';
import { masterProcesses, reloadByMaster, reloadFailed } from './master.ts';
import { identify, type ObservedProxy, observeProxy, sameWorker, type Worker } from './observe.ts';
import { ProcessLog } from './process-log.ts';
import { type ReloadInput, reloadByCommand, reloadByTakeover, runningOf } from './reload-command.ts';
import { withRuntime } from './runtime.ts';
import { debianLine } from './start-line.ts';

const REASON_CHARACTERS_MAX = 2_000;
const AWAIT_DEADLINE_MS = 10_000;
const POLL_EVERY_MS = 20;
/** A new worker without our stamp is looked at again for this long: a command may have returned before its reload was through. */
const SETTLE_MS = 2_000;
/** A new worker counts when it still answers after this: one whose files end it does so in its first moments. */
const STAYS_MS = 200;
/** Nobody answering for so long is the end of HAProxy: its socket changes hands without a gap, and a start with 10,000 servers takes 1.4 s. */
const GONE_MS = 5_000;
const GONE_LOOKS = 4;

/**
 * Resolves when HAProxy, or the command, reported success. Throws HAPROXY_RELOAD_FAILED with the reason as far as there is one; what the
 * master, its socket or the binary throw when they cannot be reached (HAPROXY_UNREACHABLE, HAPROXY_TIMEOUT, TOOL_MISSING).
 */
export async function reload(way: ReloadWay, input: ReloadInput): Promise<void> {
  switch (way.kind) {
    case 'master':
      return reloadByMasterWithReason(way.socket, input);
    case 'command':
      return reloadByCommand(way.argv, input);
    case 'pidFile':
      return reloadByTakeover(way.path, input);
    default:
      return unreachable(way, 'a way to reload');
  }
}

/** A 2.6 master says why only on its stderr; of one that we started, that is our log. */
async function reloadByMasterWithReason(socket: SocketAddress, input: ReloadInput): Promise<void> {
  const log = new ProcessLog(input.managed);
  const offset = await log.size();
  try {
    await reloadByMaster(socket, input);
  } catch (error) {
    const alerts = alertsOf(await log.since(offset));
    const failed = error instanceof PointsmanError && error.code === 'HAPROXY_RELOAD_FAILED';
    if (failed && alerts.length > 0) throw reloadFailed(alerts.join('\n').slice(0, REASON_CHARACTERS_MAX), error);
    throw error;
  }
}

/** After its reload: whether the master, or a process of the pid file, is there still. A command does not tell. */
export async function isThere(way: ReloadWay, binary: string): Promise<boolean> {
  if (way.kind === 'command') return true;
  if (way.kind === 'pidFile') return (await runningOf(way.path, binary)).length > 0;
  return masterProcesses(way.socket).then(
    () => true,
    (error: unknown) => !(error instanceof PointsmanError && error.code === 'HAPROXY_UNREACHABLE'),
  );
}

export interface AwaitInput {
  readonly runtime: RuntimeAddress;
  /** Who answered before; null: nobody did. */
  readonly before: WorkerIdentity | null;
  /** `proxyStamp` */
  readonly stamp: string;
  /** What each service was loaded with (`structureOf`), as far as it matters to the caller; null: it does not. */
  readonly structures: ReadonlyMap<ServiceName, string> | null;
  /** Whether HAProxy is there at all, as far as can be told (`isThere`); asked when nobody answers. Default: it is. */
  readonly isThere?: () => Promise<boolean>;
  readonly deadlineMs?: number;
  readonly signal?: AbortSignal;
}

/**
 * The new worker, once one answers that is not the one before, is not stopping, has our stamp and structures, and stays. Throws
 * HAPROXY_NOT_MANAGED when a new worker runs without our stamp, HAPROXY_RELOAD_FAILED when none comes or stays, or it has other structures.
 */
export async function awaitWorker(input: AwaitInput): Promise<ObservedProxy> {
  const deadline = performance.now() + (input.deadlineMs ?? AWAIT_DEADLINE_MS);
  let settled = Number.POSITIVE_INFINITY;
  let answeredAt = performance.now();
  let came: { readonly identity: WorkerIdentity; readonly at: number } | null = null;
  for (;;) {
    const seen = await look(input);
    const now = performance.now();
    if (seen.kind !== 'nobody') answeredAt = now;
    if (seen.kind === 'good') {
      const { identity } = seen.worker;
      if (came === null || !sameWorker(came.identity, identity)) came = { identity, at: now };
      if (now - came.at >= STAYS_MS || input.signal?.aborted) return seen.worker;
      if (now >= deadline + STAYS_MS) throw failed(`worker ${identity.pid} came too late`);
    } else {
      if (seen.kind === 'nobody' && seen.refused) {
        if (came !== null) throw failed(`worker ${came.identity.pid} came up, and ended at once`);
        if ((await input.isThere?.()) === false) throw failed('the new worker ended at once, and nobody is left');
      }
      if (seen.kind === 'wrong') settled = Math.min(settled, now + SETTLE_MS);
      if (now >= Math.min(deadline, settled, answeredAt + GONE_MS) || input.signal?.aborted) throw seen.error;
    }
    await pause(POLL_EVERY_MS, input.signal);
  }
}

/** Who answers, and still does a moment later; null: nobody does, or one that comes and goes. */
export async function whoStays(runtime: RuntimeAddress): Promise<Worker | null> {
  const first = await withRuntime(runtime, identify).catch(() => null);
  if (first === null) return null;
  await pause(STAYS_MS);
  const second = await withRuntime(runtime, identify).catch(() => null);
  return second !== null && sameWorker(first.identity, second.identity) ? second : null;
}

/**
 * Whether no process is behind the socket: each look is refused, as far as the last ones tell. A HAProxy that hangs, or whose socket may not be opened
 * by this user, is not gone.
 */
export async function isGone(runtime: RuntimeAddress): Promise<boolean> {
  let refused = false;
  for (let looks = 0; looks < GONE_LOOKS; looks += 1) {
    if (looks > 0) await pause(STAYS_MS);
    const error = await withRuntime(runtime, identify).then(
      () => null,
      (why: unknown) => why,
    );
    if (error === null) return false;
    refused = isRefused(error);
  }
  return refused;
}

function isRefused(error: unknown): boolean {
  const cause = error instanceof PointsmanError ? (error.cause as { readonly code?: string } | undefined) : undefined;
  return cause?.code === 'ENOENT' || cause?.code === 'ECONNREFUSED';
}

type Seen =
  | { readonly kind: 'good'; readonly worker: ObservedProxy }
  /** `refused`: there is no process behind the socket; else it was only late. */
  | { readonly kind: 'nobody'; readonly refused: boolean; readonly error: PointsmanError }
  /** The old worker answers, or a new one that does not run with our files. */
  | { readonly kind: 'old' | 'wrong'; readonly error: PointsmanError };

async function look(input: AwaitInput): Promise<Seen> {
  let worker: ObservedProxy;
  try {
    worker = await withRuntime(input.runtime, observeProxy);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    const refused = error instanceof PointsmanError && error.code === 'HAPROXY_UNREACHABLE';
    return { kind: 'nobody', refused, error: failed(`no worker answers: ${why}`, error) };
  }
  const { identity, stopping, structures } = worker;
  if (stopping || isSame(identity, input.before)) return { kind: 'old', error: failed(`the old worker ${identity.pid} still answers`) };
  if (identity.stamp !== input.stamp) return { kind: 'wrong', error: notManaged(identity, input.stamp) };
  const wrong = [...(input.structures ?? [])].find(([service, structure]) => structures.get(service) !== structure);
  if (wrong !== undefined) {
    const [service, structure] = wrong;
    const has = structures.get(service) ?? 'none';
    return { kind: 'wrong', error: failed(`worker ${identity.pid} has structure ${has} for ${service}, not ${structure}`) };
  }
  return { kind: 'good', worker };
}

function isSame(a: WorkerIdentity, b: WorkerIdentity | null): boolean {
  return b !== null && a.pid === b.pid && a.startTime === b.startTime;
}

function failed(what: string, cause?: unknown): PointsmanError {
  return new PointsmanError('HAPROXY_RELOAD_FAILED', `the reload failed: ${what}`, {
    hint: "look at HAProxy's own log; the old worker goes on serving if the new one could not start",
    retry: 'transient',
    cause,
  });
}

function notManaged(identity: WorkerIdentity, stamp: string): PointsmanError {
  const found = identity.stamp === null ? 'without our files' : `with stamp ${identity.stamp}, not ${stamp}`;
  return new PointsmanError('HAPROXY_NOT_MANAGED', `HAProxy's worker ${identity.pid} runs ${found}`, {
    hint: `start HAProxy with -f <managed folder> after its own file (Debian: ${debianLine('<managed folder>')})`,
    retry: 'after',
  });
}
