/**
 * What stands before every answer of the registrar. Programs of this host are let in; a browser is not, whichever page made it come: not under a foreign name,
 * and not with what browsers add by themselves, since a GET changes something here. Where a token is configured, only who has it.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { PointsmanError } from '../../shared/errors.ts';
import { isLoopbackHost } from '../loopback-host.ts';

/** Headers of browsers. An image of a page sends no Origin; it sends the others. (`sec-fetch-mode` is sent by Node's own fetch as well.) */
const OF_BROWSERS = ['origin', 'referer', 'sec-fetch-site'] as const;

export class RequestGuard {
  readonly #token: Buffer | null;

  /** null: none is asked for. */
  constructor(token: string | null) {
    this.#token = token === null ? null : digest(token);
  }

  /** @throws PointsmanError REQUEST_NOT_ALLOWED, REQUEST_UNAUTHORIZED */
  check(headers: IncomingHttpHeaders): void {
    if (!isLoopbackHost(headers.host))
      throw notAllowed('a request under a foreign name', 'ask under a loopback name, such as 127.0.0.1 or localhost');
    const browser = OF_BROWSERS.find((name) => headers[name] !== undefined);
    if (browser !== undefined)
      throw notAllowed(`a request with the header ${browser}`, 'this is for programs of this host, not for browsers');
    if (this.#token === null) return;
    const given = /^bearer +(\S+)$/i.exec(headers.authorization ?? '')?.[1] ?? '';
    // Of equal length whatever was given, so that the time says nothing of the token.
    if (!timingSafeEqual(digest(given), this.#token))
      throw new PointsmanError('REQUEST_UNAUTHORIZED', 'the request has not the token', {
        hint: 'send `Authorization: Bearer …` with registrar.token of the config',
        retry: 'terminal',
      });
  }
}

function notAllowed(what: string, hint: string): PointsmanError {
  return new PointsmanError('REQUEST_NOT_ALLOWED', `the registrar does not take ${what}`, { hint, retry: 'terminal' });
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
