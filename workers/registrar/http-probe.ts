/** One HTTP request as a health check, on a connection of its own. Redirects are not followed; no more than 64 kB of the body is read. */
import { readFile } from 'node:fs/promises';
import { Agent, type IncomingMessage, request } from 'node:http';
import { request as requestTls } from 'node:https';
import type { CheckTls, HttpProbe } from '../../shared/model/register.ts';

/** One for all: `agent: false` makes one for each request. TLS has its own each time, so that no session is resumed and each certificate is looked at. */
const PLAIN = new Agent({ keepAlive: false });
const BODY_BYTES_MAX = 64 * 1024;

/** Throws what was wrong with the answer, or with the way to it. */
export async function probeHttp(probe: HttpProbe, signal: AbortSignal): Promise<void> {
  const { host, port, method, path, headers, tls } = probe;
  const options = { host, port, method, path, headers: { 'user-agent': 'pointsman', ...headers }, signal };
  const secure = tls === null ? null : await tlsOptions(tls);
  const answer = await new Promise<IncomingMessage>((resolve, reject) => {
    const sent =
      secure === null ? request({ ...options, agent: PLAIN }, resolve) : requestTls({ ...options, ...secure, agent: false }, resolve);
    sent.on('error', reject);
    sent.end();
  });
  try {
    const status = answer.statusCode ?? 0;
    if (!probe.statuses.some(([from, to]) => status >= from && status <= to)) throw new Error(`status ${status}`);
    if (probe.body !== null && !(await bodyOf(answer)).includes(probe.body)) throw new Error('the body has not the text that is expected');
  } finally {
    answer.destroy();
  }
}

/** @throws when the file of authorities cannot be read */
export async function tlsOptions({ verify, ca, serverName }: NonNullable<CheckTls>) {
  return {
    rejectUnauthorized: verify,
    ...(ca === null ? {} : { ca: await readFile(ca) }),
    ...(serverName === null ? {} : { servername: serverName }),
  };
}

async function bodyOf(answer: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes >= BODY_BYTES_MAX) break;
  }
  return Buffer.concat(chunks).subarray(0, BODY_BYTES_MAX).toString('utf8');
}
