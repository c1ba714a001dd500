/** Calls in flight: each ends once, with an answer or a coded error, at its deadline or with its connection at the latest. */
import { PointsmanError } from '../errors.ts';
import type { RawClient } from './client-internals.ts';
import { connectionLoss, timedOut, zookeeperError } from './errors.ts';

/** Unanswered calls at once. More is a fault of ours, or a link that is about to be cut. */
const IN_FLIGHT_MAX = 20_000;
/** Data and path. Zookeeper's own limit is 1 MB for the whole packet; the rest is room for headers, the ACL and a chroot. */
const PACKET_BYTES_MAX = 1024 * 1024 - 200;

type Done = (error: unknown, ...values: unknown[]) => void;

export class Calls {
  readonly #unanswered = new Set<() => void>();

  /** `send` makes the call, whose callback is `done`. `deadline` in ms; `tried` says what the call is, for its errors. */
  make<T extends unknown[]>(
    client: RawClient | null,
    deadline: number,
    tried: string,
    send: (client: RawClient, done: Done) => void,
  ): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      if (client === null) return reject(connectionLoss(tried));
      if (this.#unanswered.size >= IN_FLIGHT_MAX) return reject(zookeeperError({ code: -7, name: 'too many calls in flight' }, tried));
      const settle = (): void => {
        clearTimeout(timer);
        this.#unanswered.delete(lost);
      };
      const fail = (error: PointsmanError): void => {
        settle();
        reject(error);
      };
      const lost = (): void => fail(connectionLoss(tried));
      const timer = setTimeout(() => fail(timedOut(tried, deadline)), deadline);
      this.#unanswered.add(lost);
      try {
        send(client, (error, ...values) => {
          if (error) return fail(zookeeperError(error, tried));
          settle();
          resolve(values as T);
        });
      } catch (error) {
        fail(zookeeperError(error, tried));
      }
    });
  }

  /** The connection is gone: no answer will come any more. */
  lose(): void {
    for (const lost of [...this.#unanswered]) lost();
  }
}

/** The bytes to send, if Zookeeper takes that many. */
export function payload(data: Buffer | string, path: string, tried: string): Buffer {
  const bytes = Buffer.from(data);
  if (bytes.length + Buffer.byteLength(path) <= PACKET_BYTES_MAX) return bytes;
  throw new PointsmanError('ZOOKEEPER_FAILED', `${tried}: ${bytes.length} bytes are more than Zookeeper takes (${PACKET_BYTES_MAX})`, {
    hint: 'Put less into the znode.',
    retry: 'terminal',
  });
}
