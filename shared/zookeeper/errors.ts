/** PURE. Zookeeper's errors as the project's own: what was tried, on which path, what to do, and whether trying again can help. */
import { type ErrorCode, PointsmanError, type Retry } from '../errors.ts';

interface Meaning {
  readonly code: ErrorCode;
  readonly retry: Retry;
  readonly hint: string;
}

/** By the number in Zookeeper's reply (KeeperException.Code). */
const MEANINGS: ReadonlyMap<number, Meaning> = new Map([
  [-4, { code: 'ZOOKEEPER_CONNECTION_LOSS', retry: 'transient', hint: 'The connection is made again by itself.' }],
  [-7, { code: 'ZOOKEEPER_TIMEOUT', retry: 'transient', hint: 'Look at the load of the Zookeeper servers.' }],
  [-101, { code: 'ZOOKEEPER_NO_NODE', retry: 'after', hint: 'Create the path, or correct it in the config.' }],
  [-102, { code: 'ZOOKEEPER_NO_AUTH', retry: 'after', hint: 'Give zookeeper.auth the right credentials, or correct the ACL.' }],
  [-103, { code: 'ZOOKEEPER_BAD_VERSION', retry: 'transient', hint: 'Somebody else changed the znode: read it again.' }],
  [-110, { code: 'ZOOKEEPER_NODE_EXISTS', retry: 'after', hint: 'The znode is there already.' }],
  [-112, { code: 'ZOOKEEPER_SESSION_EXPIRED', retry: 'transient', hint: 'A new session is made by itself.' }],
  [-115, { code: 'ZOOKEEPER_AUTH_FAILED', retry: 'after', hint: 'Correct zookeeper.auth: its scheme or its credentials were refused.' }],
] as const);

const UNKNOWN: Meaning = { code: 'ZOOKEEPER_FAILED', retry: 'after', hint: 'Look at the log of the Zookeeper server.' };

/** `tried` says what was done to which path, e.g. `reading the children of /services`. */
export function zookeeperError(error: unknown, tried: string): PointsmanError {
  if (error instanceof PointsmanError) return error;
  const number = (error as { code?: unknown } | null)?.code;
  if (typeof number !== 'number') {
    const text = error instanceof Error ? error.message : String(error);
    return new PointsmanError('ZOOKEEPER_FAILED', `${tried}: ${text}`, {
      hint: 'The call cannot be made like this.',
      retry: 'terminal',
      cause: error,
    });
  }
  const meaning = MEANINGS.get(number) ?? UNKNOWN;
  const name = (error as { name?: unknown }).name;
  return new PointsmanError(meaning.code, `${tried}: ${String(name)} (${number})`, {
    hint: meaning.hint,
    retry: meaning.retry,
    cause: error,
  });
}

export function connectionLoss(tried: string): PointsmanError {
  return zookeeperError({ code: -4, name: 'CONNECTION_LOSS' }, tried);
}

/** `waited` in ms */
export function timedOut(tried: string, waited: number): PointsmanError {
  return zookeeperError({ code: -7, name: `no answer within ${Math.round(waited)} ms` }, tried);
}

/** An error code that the client library does not know: its own table is older than the server's. */
export class UnknownReply extends Error {
  readonly code: number;

  constructor(code: number) {
    super(`Zookeeper answered with error ${code}`);
    this.name = 'UNKNOWN_TO_CLIENT';
    this.code = code;
  }

  /** As the library's own errors have it. */
  getCode(): number {
    return this.code;
  }
}

export function hasCode(error: unknown, code: ErrorCode): boolean {
  return error instanceof PointsmanError && error.code === code;
}
