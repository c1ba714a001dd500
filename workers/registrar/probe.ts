/** One health check made once: good, or what was wrong, within its timeout. */
import { errorText } from '../../shared/errors.ts';
import type { Probe, RegisterCheck } from '../../shared/model/register.ts';
import { within } from '../../shared/runtime/deadline.ts';
import { ENDED } from '../../shared/runtime/wait.ts';
import { escapeText } from '../../shared/znode/escape.ts';
import { probeExec } from './exec-probe.ts';
import { probeGrpc } from './grpc-probe.ts';
import { probeHttp } from './http-probe.ts';
import { probeRedis, probeTcp } from './socket-probe.ts';

export type Outcome = { readonly ok: true } | { readonly ok: false; readonly detail: string };

/** It has failed, whatever it throws. `stop` gives it up: what it says then is of no use. */
export async function outcomeOf({ probe, timeout }: Pick<RegisterCheck, 'probe' | 'timeout'>, stop: AbortSignal): Promise<Outcome> {
  const late = new Error(`not done within ${timeout} ms`);
  // One of its own: of each that is derived from a signal that lives long something stays with it.
  const ending = new AbortController();
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    ending.abort(late);
  }, timeout);
  const giveUp = (): void => ending.abort(ENDED);
  stop.addEventListener('abort', giveUp, { once: true });
  try {
    // A program that waits for its turn hears no signal.
    await within(timeout, made(probe, ending.signal), () => late);
    return { ok: true };
  } catch (error) {
    const why = isLate ? late : error;
    return { ok: false, detail: escapeText(`${wordOf(probe)}: ${errorText(why)}`) };
  } finally {
    clearTimeout(timer);
    stop.removeEventListener('abort', giveUp);
    ending.abort(ENDED);
  }
}

function made(probe: Probe, signal: AbortSignal): Promise<void> {
  switch (probe.type) {
    case 'http':
      return probeHttp(probe, signal);
    case 'tcp':
      return probeTcp(probe, signal);
    case 'redis':
      return probeRedis(probe, signal);
    case 'grpc':
      return probeGrpc(probe, signal);
    case 'exec':
      return probeExec(probe.argv, signal);
  }
}

/** Which check it was, for people; without the query of a path, where a secret may be. */
function wordOf(probe: Probe): string {
  switch (probe.type) {
    case 'http':
      return `${probe.method} ${probe.tls === null ? 'http' : 'https'}://${probe.host}:${probe.port}${probe.path.split('?')[0]}`;
    case 'exec':
      return `exec ${probe.argv[0] ?? ''}`;
    case 'tcp':
    case 'redis':
    case 'grpc':
      return `${probe.type} ${probe.host}:${probe.port}`;
  }
}
