/**
 * The standard health service of gRPC (grpc.health.v1.Health/Check), asked over HTTP/2 by hand: both messages have one field. A message in gRPC is a byte
 * for compression, its length in four bytes, and Protobuf.
 */
import { once } from 'node:events';
import { type ClientHttp2Session, type ClientHttp2Stream, connect, type IncomingHttpHeaders } from 'node:http2';
import { isIPv6 } from 'node:net';
import type { GrpcProbe } from '../../shared/model/register.ts';
import { tlsOptions } from './http-probe.ts';

const PREFIX_BYTES = 5;
const ANSWER_BYTES_MAX = 4_096;
/** HealthCheckResponse.ServingStatus */
const STATUS = ['UNKNOWN', 'SERVING', 'NOT_SERVING', 'SERVICE_UNKNOWN'] as const;
/** Field 1 of HealthCheckRequest (text), and of HealthCheckResponse (enum). */
const SERVICE_TAG = 0x0a;
const STATUS_TAG = 0x08;

/** Throws what the server said instead of SERVING, or what was in the way. */
export async function probeGrpc({ host, port, service, tls }: GrpcProbe, signal: AbortSignal): Promise<void> {
  const secure = tls === null ? {} : await tlsOptions(tls);
  const authority = `${tls === null ? 'http' : 'https'}://${isIPv6(host) ? `[${host}]` : host}:${port}`;
  const session = connect(authority, secure);
  const end = (): void => session.destroy();
  signal.addEventListener('abort', end, { once: true });
  try {
    const answer = await answerOf(session, service, signal);
    const status = statusOf(answer);
    if (status !== 'SERVING') throw new Error(`the health service says ${status}`);
  } finally {
    signal.removeEventListener('abort', end);
    session.destroy();
  }
}

async function answerOf(session: ClientHttp2Session, service: string, signal: AbortSignal): Promise<Buffer> {
  const failed = new Promise<never>((_, reject) => {
    session.on('error', reject);
    session.on('close', () => reject(signal.aborted ? (signal.reason as Error) : new Error('the connection was closed without an answer')));
  });
  const stream = session.request({
    ':method': 'POST',
    ':path': '/grpc.health.v1.Health/Check',
    'content-type': 'application/grpc',
    te: 'trailers',
  });
  stream.end(requestOf(service));
  return Promise.race([failed, read(stream)]);
}

async function read(stream: ClientHttp2Stream): Promise<Buffer> {
  const said: IncomingHttpHeaders = {};
  stream.on('response', (headers) => Object.assign(said, headers));
  stream.on('trailers', (headers) => Object.assign(said, headers));
  const chunks: Buffer[] = [];
  let bytes = 0;
  stream.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes <= ANSWER_BYTES_MAX) chunks.push(chunk);
    else stream.destroy(new Error('the answer is longer than one of the health service'));
  });
  await once(stream, 'end');
  const status = Number(said[':status']);
  if (status !== 200) throw new Error(`HTTP status ${status}`);
  const [code = 'missing', message = ''] = [said['grpc-status'], said['grpc-message']].map((one) => one?.toString());
  if (code !== '0') throw new Error(`gRPC status ${code} ${message}`.trim());
  return Buffer.concat(chunks);
}

/** At most 200 characters of ASCII, so a length may take two bytes. */
function requestOf(service: string): Buffer {
  const text = Buffer.from(service);
  const length = text.length < 128 ? [text.length] : [(text.length & 127) | 128, text.length >> 7];
  const message = text.length === 0 ? Buffer.alloc(0) : Buffer.concat([Buffer.from([SERVICE_TAG, ...length]), text]);
  const prefix = Buffer.alloc(PREFIX_BYTES);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}

function statusOf(answer: Buffer): string {
  const [tag, status = 0] = answer.subarray(PREFIX_BYTES);
  // A field that has its default is not written.
  if (tag === undefined) return STATUS[0];
  return tag === STATUS_TAG ? (STATUS[status] ?? `status ${status}`) : 'something else';
}
