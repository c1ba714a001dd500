/** PURE. How long a server has been without sessions: from one look to the next, so that a delete never meets a session that is just ending. */

export interface ServerSessions {
  /** Sessions and used connections at the last look; idle pooled connections do not count. */
  readonly current: number;
  /** ms for which every look saw none; 0 at the first such look. */
  readonly quietMs: number;
  /** ms from the first look that counted it to this one: how long it has been leaving, where only leaving servers are counted. */
  readonly countedMs?: number;
}

/**
 * Two crash fixes of HAProxy's `del server` (in 2.9 and 3.0, marked for 2.6) are about streams that are just ending:
 * a server is deleted only after this long without any.
 */
export const QUIET_MS = 100;

/** `counts`: this look; `elapsedMs`: since the look that `previous` came from. A server that is new in `counts` starts at 0. */
export function foldSessions(
  previous: ReadonlyMap<string, ServerSessions>,
  counts: ReadonlyMap<string, number>,
  elapsedMs: number,
): ReadonlyMap<string, ServerSessions> {
  const next = new Map<string, ServerSessions>();
  for (const [server, current] of counts) {
    const before = previous.get(server);
    const quietMs = current === 0 && before !== undefined && before.current === 0 ? before.quietMs + elapsedMs : 0;
    const countedMs = before === undefined ? 0 : (before.countedMs ?? 0) + elapsedMs;
    next.set(server, { current, quietMs, countedMs });
  }
  return next;
}

export function isQuiet(sessions: ServerSessions | undefined): boolean {
  return sessions !== undefined && sessions.current === 0 && sessions.quietMs >= QUIET_MS;
}

/** For people. */
export function sessionsLeft(sessions: ServerSessions | undefined): string {
  if (sessions === undefined) return 'sessions not counted yet';
  if (sessions.current === 0) return 'its last session has just ended';
  return `${sessions.current} session${sessions.current === 1 ? '' : 's'} left`;
}
