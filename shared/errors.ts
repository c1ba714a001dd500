/**
 * Two kinds of failure. Programmer errors: `assert` and `unreachable` (kept on in production). The world's errors:
 * a `PointsmanError` that carries a stable code, what failed, what to do about it, and whether trying again can help.
 */

/** transient: try again soon with back-off · after: when something outside has changed · terminal: never. */
export type Retry = 'transient' | 'after' | 'terminal';

export class PointsmanError extends Error {
  override readonly name = 'PointsmanError';
  /** Stable, upper snake case, e.g. `HAPROXY_UNREACHABLE`. Listed in docs/errors.md. */
  readonly code: ErrorCode;
  /** One line: what the reader can do. */
  readonly hint: string;
  readonly retry: Retry;

  constructor(code: ErrorCode, message: string, options: { hint: string; retry: Retry; cause?: unknown }) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.hint = options.hint;
    this.retry = options.retry;
  }
}

/** Every code there is. A test holds docs/errors.md to this list. */
export const ERROR_CODES = [
  'CONFIG_INVALID',
  'CONFIG_NOT_FOUND',
  'USAGE',
  'ZOOKEEPER_UNREACHABLE',
  'ZOOKEEPER_CONNECTION_LOSS',
  'ZOOKEEPER_TIMEOUT',
  'ZOOKEEPER_SESSION_EXPIRED',
  'ZOOKEEPER_NO_NODE',
  'ZOOKEEPER_NODE_EXISTS',
  'ZOOKEEPER_BAD_VERSION',
  'ZOOKEEPER_NO_AUTH',
  'ZOOKEEPER_AUTH_FAILED',
  'ZOOKEEPER_FAILED',
  'REGISTRATION_CONFLICT',
  'REQUEST_INVALID',
  'REQUEST_UNAUTHORIZED',
  'REQUEST_NOT_ALLOWED',
  'SERVICE_UNKNOWN',
  'TOO_MANY_REQUESTS',
  'REGISTRAR_STOPPING',
  'REDIS_UNREACHABLE',
  'REDIS_EVICTION_POLICY',
  'REDIS_REFUSED',
  'LOG_FENCED',
  'LOG_STALE_REVISION',
  'LOG_CAS_LOST',
  'LOG_VIEW_UNREADABLE',
  'LOG_EVENT_UNKNOWN',
  'LOG_CUT',
  'LOG_NO_START',
  'SCRATCH_MISSING',
  'EXPORT_INVALID',
  'CLAIM_LOST',
  'CLAIM_TAKEN',
  'WATCHER_ABSENT',
  'HAPROXY_UNREACHABLE',
  'HAPROXY_TIMEOUT',
  'HAPROXY_HUNG',
  'HAPROXY_TLS_FAILED',
  'HAPROXY_NOT_LIVING_WORKER',
  'HAPROXY_REPLY_UNEXPECTED',
  'HAPROXY_COMMAND_REFUSED',
  'HAPROXY_STATE_UNREADABLE',
  'HAPROXY_CONFIG_INVALID',
  'HAPROXY_BIND_FAILED',
  'HAPROXY_RELOAD_FAILED',
  'HAPROXY_NOT_MANAGED',
  'HAPROXY_START_FAILED',
  'FILE_WRITE_FAILED',
  'TOOL_MISSING',
] as const;
export type ErrorCode = (typeof ERROR_CODES)[number];

/** A programmer error: our own bug, or data that should have been refused at the boundary. */
export class AssertionFailure extends Error {
  override readonly name = 'AssertionFailure';

  constructor(message: string) {
    super(`assertion failed: ${message}`);
  }
}

export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new AssertionFailure(message);
}

/** The value that cannot be missing. */
export function must<T>(value: T | null | undefined, what: string): T {
  assert(value !== null && value !== undefined, `${what} is missing`);
  return value;
}

export function unreachable(value: never, what: string): never {
  throw new AssertionFailure(`${what} cannot be ${JSON.stringify(value)}`);
}

/** One line for people, whatever was thrown. */
export function errorText(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** For the log: what failed, with its code and what to do about it where it has them. */
export function errorFields(error: unknown): { readonly code?: ErrorCode; readonly error: string; readonly hint?: string } {
  return error instanceof PointsmanError ? { code: error.code, error: error.message, hint: error.hint } : { error: errorText(error) };
}
