/** Health checks by a connection: that it is taken, or that Redis answers PING on it. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import type { CheckTarget } from '../../shared/model/register.ts';

/** Of an answer's line: Redis's are short, and whatever else answers there may send anything. */
const LINE_BYTES_MAX = 512;

export async function probeTcp(target: CheckTarget, signal: AbortSignal): Promise<void> {
  (await connected(target, signal)).destroy();
}

/** `credentials`: none, a password, or a user and a password. */
export async function probeRedis(target: CheckTarget & { readonly credentials: readonly string[] }, signal: AbortSignal): Promise<void> {
  const socket = await connected(target, signal);
  try {
    const answers = lines(socket);
    if (target.credentials.length > 0) {
      const login = await asked(socket, answers, ['AUTH', ...target.credentials]);
      if (login !== '+OK') throw new Error(`AUTH: ${login}`);
    }
    const answer = await asked(socket, answers, ['PING']);
    if (answer !== '+PONG') throw new Error(`PING: ${answer}`);
  } finally {
    socket.destroy();
  }
}

async function connected({ host, port }: CheckTarget, signal: AbortSignal): Promise<Socket> {
  const socket = connect({ host, port, signal });
  await once(socket, 'connect', { signal });
  // What fails from here on is told by the reads.
  socket.on('error', () => {});
  return socket;
}

async function asked(socket: Socket, answers: AsyncIterator<string>, words: readonly string[]): Promise<string> {
  const parts = words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`);
  socket.write(`*${words.length}\r\n${parts.join('')}`);
  const { value, done } = await answers.next();
  if (done === true) throw new Error('the connection was closed without an answer');
  return value;
}

async function* lines(socket: Socket): AsyncGenerator<string, void> {
  let text = '';
  for await (const chunk of socket as AsyncIterable<Buffer>) {
    text += chunk.toString('latin1');
    for (let end = text.indexOf('\r\n'); end >= 0; end = text.indexOf('\r\n')) {
      yield text.slice(0, end);
      text = text.slice(end + 2);
    }
    if (text.length > LINE_BYTES_MAX) throw new Error('the answer is not one of Redis');
  }
}
