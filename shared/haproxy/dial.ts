/**
 * The way to a runtime socket: unix, tcp, or tcp under TLS. With TLS nothing is sent before HAProxy's certificate was found good: no setting turns
 * that off. The files are read again when they change, so a renewed certificate needs no restart.
 */
import { readFileSync, statSync } from 'node:fs';
import { connect, isIP, type Socket } from 'node:net';
import { createSecureContext, type SecureContext, TLSSocket, connect as tlsConnect } from 'node:tls';
import { errorText, PointsmanError } from '../errors.ts';
import type { RuntimeAddress, RuntimeTls } from '../model/proxy-config.ts';

/** Node's and OpenSSL's names for what goes wrong with TLS (Node's documentation, `X509 certificate error codes`). */
const TLS_CODE =
  /^(ERR_(TLS|SSL|OSSL)_|CERT_|CRL_|UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_|HOSTNAME_MISMATCH|INVALID_(CA|PURPOSE)|PATH_LENGTH_|EPROTO$)/;

/** A socket that is being connected; its `error` is for `dialError`. @throws PointsmanError HAPROXY_TLS_FAILED: a file of `runtimeTls` cannot be used. */
export function dial(address: RuntimeAddress): Socket {
  if (address.kind === 'unix') return connect({ path: address.path });
  const { host, port } = address;
  if (address.kind === 'tcp') return connect({ host, port, noDelay: true });
  const servername = address.tls.serverName ?? (isIP(host) === 0 ? host : undefined);
  const secureContext = contextOf(address.tls, addressText(address));
  const socket = tlsConnect({ host, port, secureContext, rejectUnauthorized: true, ...(servername === undefined ? {} : { servername }) });
  return socket.setNoDelay(true);
}

/** Sends once the other side is known to be HAProxy: at once, or after the handshake. */
export function write(socket: Socket, text: string): void {
  if (socket instanceof TLSSocket && !socket.authorized) socket.once('secureConnect', () => socket.write(text));
  else socket.write(text);
}

export function addressText(address: RuntimeAddress): string {
  return address.kind === 'unix' ? `unix:${address.path}` : `${address.kind}://${address.host}:${address.port}`;
}

/** What the `error` of a dialled socket means. HAPROXY_TLS_FAILED, HAPROXY_TIMEOUT (its queue of connections is full), or HAPROXY_UNREACHABLE. */
export function dialError(address: string, error: Error & { readonly code?: string }): PointsmanError {
  const code = error.code ?? '';
  if (TLS_CODE.test(code)) return tlsError(address, error, hintFor(code));
  // A unix socket whose owner takes no connections says so once its backlog is full.
  if (code === 'EAGAIN') return notTaken(address, error);
  return unreachableError(address, error.message, error);
}

export function unreachableError(address: string, what: string, cause?: Error): PointsmanError {
  return new PointsmanError('HAPROXY_UNREACHABLE', `HAProxy's runtime socket ${address}: ${what}`, {
    hint: 'is HAProxy running, does its config have this `stats socket`, and may this user open it?',
    retry: 'transient',
    cause,
  });
}

function notTaken(address: string, cause: Error): PointsmanError {
  return new PointsmanError('HAPROXY_TIMEOUT', `HAProxy's runtime socket ${address}: connections wait there and none is taken`, {
    hint: 'is the process stopped, or are all its connections taken (`stats maxconn`)?',
    retry: 'transient',
    cause,
  });
}

interface KeptContext {
  /** Of the files that it was made from: when they were changed, and how large they are. */
  readonly of: string;
  readonly context: SecureContext;
}

/** By the names of the files, of which the config has few. */
const contexts = new Map<string, KeptContext>();

function contextOf({ ca, cert, key }: RuntimeTls, address: string): SecureContext {
  const files = [ca, cert, key];
  const names = JSON.stringify(files);
  try {
    const of = files.map((file) => (file === null ? '' : stateOf(file))).join();
    const kept = contexts.get(names);
    if (kept?.of === of) return kept.context;
    const [caText, certText, keyText] = files.map((file) => (file === null ? undefined : readFileSync(file)));
    const context = createSecureContext({ ca: caText, cert: certText, key: keyText, minVersion: 'TLSv1.2' });
    contexts.set(names, { of, context });
    return context;
  } catch (error) {
    const hint = '`ca`, `cert` and `key` of `runtimeTls` are PEM files that this user can read, and the key belongs to the certificate';
    throw tlsError(address, error instanceof Error ? error : new Error(errorText(error)), hint);
  }
}

function stateOf(file: string): string {
  const { ino, mtimeMs, size } = statSync(file);
  return `${ino}:${mtimeMs}:${size}`;
}

function tlsError(address: string, error: Error, hint: string): PointsmanError {
  return new PointsmanError('HAPROXY_TLS_FAILED', `HAProxy's runtime socket ${address}: ${error.message.trim()}`, {
    hint,
    retry: 'after',
    cause: error,
  });
}

const PLAIN_HINT =
  'HAProxy ignores `ssl` on a `stats socket`: a `bind … ssl` has to pass connections on to it (docs/operations.md, `Connections to the runtime socket`)';

function hintFor(code: string): string {
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') return "set `runtimeTls.serverName` to a name that is in HAProxy's certificate";
  if (/WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|EPROTO/.test(code)) return PLAIN_HINT;
  if (/EXPIRED|NOT_YET_VALID/.test(code)) return "renew HAProxy's certificate, and look at the clocks";
  if (/^ERR_SSL_/.test(code))
    return 'HAProxy refused: if its `bind` has `verify required`, set `runtimeTls.cert` and `runtimeTls.key` to a certificate that its `ca-file` signed';
  return "is `runtimeTls.ca` the authority that signed HAProxy's certificate?";
}
