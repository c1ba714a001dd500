/**
 * A connection that HAProxy's notices come over: `show events` on our ring. It belongs to the worker that accepted it, takes one of its few runtime connections, and
 * keeps an old worker alive: so whoever holds one closes it as soon as that worker is no longer the living one. What is kept of what comes is
 * bounded by one line. It ends once, by `close` or by itself.
 */
import type { Socket } from 'node:net';
import type { PointsmanError } from '../errors.ts';
import type { RuntimeAddress } from '../model/proxy-config.ts';
import { addressText, dial, dialError, write } from './dial.ts';
import { LineFrames } from './line-frames.ts';
import { type Notice, parseNotice } from './parse-notice.ts';
import { NOTICES_RING } from './render-global.ts';

/** A stream without an answer by then has no connection to be had (HAProxy takes it and says nothing when all are taken). */
const OPEN_DEADLINE_MS = 2_000;
/** HAProxy closes a connection that is quiet for so long (10 s unless it is told otherwise), and then it is opened again. */
const QUIET_S = 3_600;
/** Ours have at most as many characters as the ring takes; those of `show info` are shorter. */
const LINE_BYTES_MAX = 1_024;
/** Lines of `show info` and of the list of rings: some 80 and some 5. */
const HEAD_LINES_MAX = 2_000;
/** Then a peer that is gone without a word (TCP) is noticed. */
const KEEP_ALIVE_MS = 10_000;

export type StreamEnd =
  /** The worker has no ring of ours, and will not get one. */
  | { readonly why: 'no-ring' }
  /** No answer: most likely all its runtime connections are taken. */
  | { readonly why: 'no-answer' }
  /** Closed by HAProxy, broken, or never made. */
  | { readonly why: 'closed'; readonly detail: string };

export interface StreamHandlers {
  /** The worker with this pid has begun to tell; whatever changed before is not told. */
  readonly onLive: (pid: number) => void;
  readonly onNotice: (notice: Notice) => void;
  /** Not called after `close`. */
  readonly onEnd: (end: StreamEnd) => void;
}

export class NoticeStream {
  readonly #socket: Socket;
  readonly #handlers: StreamHandlers;
  readonly #frames = new LineFrames(LINE_BYTES_MAX);
  readonly #deadline: NodeJS.Timeout;
  #ended = false;
  readonly #head = { lines: 0, pid: 0, listing: false, hasRing: false };
  #live = false;

  /** @throws PointsmanError HAPROXY_TLS_FAILED: a file of `runtimeTls` cannot be used. */
  constructor(address: RuntimeAddress, handlers: StreamHandlers, deadlineMs: number = OPEN_DEADLINE_MS) {
    this.#handlers = handlers;
    this.#socket = dial(address);
    this.#socket.setKeepAlive(true, KEEP_ALIVE_MS);
    this.#socket.on('data', (chunk: Buffer) => this.#receive(chunk));
    this.#socket.on('error', (error) => this.#fail(dialError(addressText(address), error)));
    this.#socket.on('close', () => this.#end({ why: 'closed', detail: 'HAProxy closed the connection' }));
    // One line, because HAProxy takes one only. The first commands say who answers and whether it has our ring; the last one never ends.
    write(this.#socket, `set timeout cli ${QUIET_S}s;show info;show events;show events ${NOTICES_RING} -w -n\n`);
    this.#deadline = setTimeout(() => this.#end({ why: 'no-answer' }), deadlineMs);
  }

  /** Safe to call twice. */
  close(): void {
    this.#ended = true;
    clearTimeout(this.#deadline);
    this.#socket.destroy();
  }

  #fail(error: PointsmanError): void {
    this.#end(error.code === 'HAPROXY_TIMEOUT' ? { why: 'no-answer' } : { why: 'closed', detail: error.message });
  }

  #end(end: StreamEnd): void {
    if (this.#ended) return;
    this.close();
    this.#handlers.onEnd(end);
  }

  #receive(chunk: Buffer): void {
    for (const line of this.#frames.push(chunk)) {
      if (this.#ended) return;
      if (!this.#live) this.#readHead(line ?? '');
      else if (line === null) this.#handlers.onNotice({ kind: 'lost' });
      else this.#tell(line);
    }
  }

  #tell(line: string): void {
    const notice = parseNotice(line);
    if (notice !== null) this.#handlers.onNotice(notice);
  }

  /** `show info`, and behind it the list of rings, which ends with an empty line. */
  #readHead(line: string): void {
    const head = this.#head;
    head.lines += 1;
    if (head.lines > HEAD_LINES_MAX)
      return this.#end({ why: 'closed', detail: `more than ${HEAD_LINES_MAX} lines before the first notice` });
    if (/^Permission denied/.test(line)) return this.#end({ why: 'closed', detail: 'HAProxy denies `show events`' });
    const pid = /^Pid: (\d{1,10})\s*$/.exec(line)?.[1];
    if (pid !== undefined) head.pid = Number(pid);
    if (/^Supported events sinks\b/.test(line)) head.listing = true;
    if (line.trim().startsWith(`${NOTICES_RING} `)) head.hasRing = true;
    if (head.pid === 0 || !head.listing || line.trim() !== '') return;
    clearTimeout(this.#deadline);
    if (!head.hasRing) return this.#end({ why: 'no-ring' });
    this.#live = true;
    this.#handlers.onLive(head.pid);
  }
}

/** For people. */
export function endText(end: StreamEnd): string {
  switch (end.why) {
    case 'no-ring':
      return `HAProxy was started without the ring ${NOTICES_RING} of our managed file`;
    case 'no-answer':
      return 'no runtime connection is free (`stats maxconn`)';
    case 'closed':
      return end.detail;
  }
}
