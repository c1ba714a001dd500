/**
 * One connection to a HAProxy worker's runtime API, in `prompt` mode: lines are sent together and answered one by one. A connection belongs to
 * one job and is closed after it: it stays with the worker that accepted it, and HAProxy has few to give (10 unless `stats maxconn` says
 * otherwise; the next one connects and hangs). Every wait has a deadline; what is late is an error, never a short answer. After an error the connection is closed.
 */
import type { Socket } from 'node:net';
import { assert, PointsmanError } from '../errors.ts';
import type { RuntimeAddress } from '../model/proxy-config.ts';
import { addressText, dial, dialError, unreachableError, write } from './dial.ts';
import { LINE_BYTES_MAX } from './encode.ts';
import { PromptFrames } from './prompt-frames.ts';
import { unexpectedReply, withoutNotices } from './protocol.ts';

/** Lines of one `send`. 500 adds take HAProxy 6 to 80 ms, during which it serves little else on that thread. */
export const BATCH_LINES_MAX = 500;
/** Of all the replies of one `send` together. 10,000 servers are 0.8 MB of `show servers state`. */
const REPLY_BYTES_MAX = 64 * 1024 * 1024;
export const OPEN_DEADLINE_MS = 2_000;
/** From one reply to the next. The largest reads of a large HAProxy take 0.1 s. */
export const REPLY_DEADLINE_MS = 5_000;

export interface SendOptions {
  /** ms from one reply to the next */
  readonly replyDeadlineMs?: number;
  /** Called as each reply comes, also those before a failure. */
  readonly onReply?: (reply: string, index: number) => void;
}

/** Called once, when the connection is over: why, or null when it was closed by whoever had it. */
export type OnEnd = (failure: unknown) => void;

interface Exchange {
  readonly lines: readonly string[];
  readonly replies: string[];
  /** Of the replies that came. */
  bytes: number;
  readonly options: SendOptions;
  readonly resolve: (replies: string[]) => void;
  readonly reject: (error: unknown) => void;
  timer: NodeJS.Timeout;
}

export class RuntimeConnection {
  readonly address: string;
  readonly #socket: Socket;
  readonly #frames = new PromptFrames();
  #exchange: Exchange | null = null;
  #failure: unknown = null;
  readonly #onEnd: OnEnd;

  private constructor(socket: Socket, address: string, onEnd: OnEnd) {
    this.#socket = socket;
    this.address = address;
    this.#onEnd = onEnd;
    socket.on('data', (chunk: Buffer) => this.#receive(chunk));
    socket.on('error', (error) => this.#fail(dialError(address, error)));
    socket.on('close', () => this.#fail(unreachableError(address, 'HAProxy closed the connection')));
  }

  /**
   * Connected, in `prompt` mode, with severities in replies. Throws HAPROXY_UNREACHABLE, HAPROXY_TLS_FAILED, or HAPROXY_TIMEOUT when HAProxy does
   * not answer in time (a stopped process, or all its connections are taken). Whoever works on a proxy opens by runtime.ts, which heeds its breaker.
   */
  static async open(
    address: RuntimeAddress,
    deadlineMs: number = OPEN_DEADLINE_MS,
    onEnd: OnEnd = () => undefined,
  ): Promise<RuntimeConnection> {
    const connection = new RuntimeConnection(dial(address), addressText(address), onEnd);
    const replies = await connection.send(['prompt', 'set severity-output number'], { replyDeadlineMs: deadlineMs });
    for (const reply of replies) {
      if (withoutNotices(reply).trim() !== '') {
        connection.close();
        throw unexpectedReply('prompt', reply);
      }
    }
    return connection;
  }

  /** Sends at most BATCH_LINES_MAX lines; the replies, one a line, in order. Throws HAPROXY_UNREACHABLE, HAPROXY_TIMEOUT, HAPROXY_REPLY_UNEXPECTED. */
  send(lines: readonly string[], options: SendOptions = {}): Promise<string[]> {
    assert(this.#exchange === null, 'one send at a time on a runtime connection');
    assert(lines.length <= BATCH_LINES_MAX, `at most ${BATCH_LINES_MAX} lines at once`);
    for (const line of lines) {
      // `;` would add a command and `<<` swallow the lines that follow: then replies and lines no longer match.
      assert(!/[\n\r;\0]|<</.test(line) && line !== '', `one command a line: ${JSON.stringify(line)}`);
      assert(Buffer.byteLength(line) < LINE_BYTES_MAX, `a line has less than ${LINE_BYTES_MAX} bytes`);
    }
    if (lines.length === 0) return Promise.resolve([]);
    if (this.#failure !== null) return Promise.reject(this.#failure);
    return new Promise((resolve, reject) => {
      this.#exchange = { lines, replies: [], bytes: 0, options, resolve, reject, timer: this.#timer(options) };
      write(this.#socket, `${lines.join('\n')}\n`);
    });
  }

  /** Safe to call twice. */
  close(): void {
    this.#fail(unreachableError(this.address, 'the connection was closed'), null);
  }

  #receive(chunk: Buffer): void {
    for (const reply of this.#frames.push(chunk)) {
      if (this.#failure !== null) return;
      this.#answer(reply);
    }
    if (this.#frames.pendingBytes + (this.#exchange?.bytes ?? 0) > REPLY_BYTES_MAX) {
      const line = this.#exchange?.lines[this.#exchange.replies.length] ?? '';
      this.#fail(unexpectedReply(line, `more than ${REPLY_BYTES_MAX} bytes`));
    }
  }

  #answer(reply: string): void {
    const exchange = this.#exchange;
    if (exchange === null) {
      this.#fail(unexpectedReply('', reply));
      return;
    }
    clearTimeout(exchange.timer);
    const index = exchange.replies.push(reply) - 1;
    exchange.bytes += reply.length;
    try {
      exchange.options.onReply?.(reply, index);
    } catch (error) {
      this.#fail(error);
      return;
    }
    if (exchange.replies.length < exchange.lines.length) {
      exchange.timer = this.#timer(exchange.options);
      return;
    }
    this.#exchange = null;
    exchange.resolve(exchange.replies);
  }

  #timer(options: SendOptions): NodeJS.Timeout {
    const ms = options.replyDeadlineMs ?? REPLY_DEADLINE_MS;
    return setTimeout(() => this.#fail(timeoutError(this.address, ms, this.#exchange)), ms);
  }

  /** The first failure stays; everything afterwards is rejected with it. */
  #fail(error: unknown, told: unknown = error): void {
    if (this.#failure !== null) return;
    this.#failure = error;
    this.#socket.destroy();
    this.#onEnd(told);
    const exchange = this.#exchange;
    this.#exchange = null;
    if (exchange === null) return;
    clearTimeout(exchange.timer);
    exchange.reject(error);
  }
}

function timeoutError(address: string, ms: number, exchange: Exchange | null): PointsmanError {
  const line = exchange?.lines[exchange.replies.length] ?? '';
  return new PointsmanError(
    'HAPROXY_TIMEOUT',
    `HAProxy's runtime socket ${address}: no answer to ${JSON.stringify(line.slice(0, 80))} in ${ms} ms`,
    {
      hint: 'is the process stopped, its stderr a pipe that nobody reads, or are all its connections taken (`stats maxconn`)?',
      retry: 'transient',
    },
  );
}
