/**
 * PURE. The words after the address, the same in a config file's `server` line and in `add server`, so that a server means the
 * same whichever way it came (manual 5.2; management guide, `add server`). Everything is spelled out: `add server` ignores
 * `default-server`, so a file that used it would differ from the servers added at runtime.
 */
import { assert } from '../errors.ts';
import { SERVER_ID_MAX } from '../model/desired.ts';
import type { CheckConfig, ServiceConfig } from '../model/service-config.ts';

/** The part of a service's config that its servers carry. */
export type ServerOptions = Pick<ServiceConfig, 'check' | 'server'>;

export const WEIGHT_MAX = 256;

/**
 * The longest pause between checks while a server is between up and down, or down: quick to admit a good one (rise x 250 ms) and quick to
 * take out a hung one, which answers nothing that the request path could see. A shorter `interval` is kept: checks never get rarer by being in doubt.
 */
const FAST_CHECK_MS = 250;
/** HAProxy keeps check times in a signed 32-bit number of ms. */
const CHECK_INTERVAL_MAX_MS = 2_147_483_647;
const RISE_FALL_MAX = 1_000;
const MAX_CONN_MAX = 10_000_000;

export function serverWords(config: ServerOptions, server: { readonly id: number; readonly weight: number }): string[] {
  const words = [...checkWords(config.check), 'weight', integer(server.weight, 0, WEIGHT_MAX, 'weight')];
  if (config.server.maxConn !== null) words.push('maxconn', integer(config.server.maxConn, 1, MAX_CONN_MAX, 'maxconn'));
  // Explicit ids: without one, every server added at runtime sits at the same place of a hash ring, and some get no traffic.
  words.push('id', integer(server.id, 1, SERVER_ID_MAX, 'id'));
  // Before 3.0 a server added at runtime opens a connection per request unless its pool is set. Idle connections of 1 s block a delete for about 4.5 s.
  words.push('pool-purge-delay', '1s', 'pool-max-conn', '-1');
  return words;
}

function checkWords(check: CheckConfig): string[] {
  if (check.type === 'none') return [];
  const interval = `${integer(check.interval, 1, CHECK_INTERVAL_MAX_MS, 'check interval')}ms`;
  const fast = `${Math.min(FAST_CHECK_MS, check.interval)}ms`;
  const rise = integer(check.rise, 1, RISE_FALL_MAX, 'rise');
  const fall = integer(check.fall, 1, RISE_FALL_MAX, 'fall');
  return ['check', 'inter', interval, 'fastinter', fast, 'downinter', fast, 'rise', rise, 'fall', fall];
}

/** HAProxy wraps or accepts numbers out of range, so the range is ours to hold. */
function integer(value: number, min: number, max: number, what: string): string {
  assert(Number.isInteger(value) && value >= min && value <= max, `${what} must be a whole number from ${min} to ${max}, not ${value}`);
  return String(value);
}
