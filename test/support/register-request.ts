/** One request to a registrar's listener, on a connection of its own, as a program of the host or a stranger makes it. */
import { request } from 'node:http';
import { text } from 'node:stream/consumers';

export interface Asked {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: {
    readonly code?: string;
    readonly error?: string;
    readonly hint?: string;
    readonly instance?: string;
    readonly ttl?: number;
    readonly registered?: boolean;
    readonly entries?: readonly { readonly znode: string; readonly state: string; readonly detail: string | null }[];
  };
}

export interface AskOptions {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

/** A body that is no text is sent as JSON. */
export async function askRegistrar(port: number, path: string, { method = 'GET', headers = {}, body }: AskOptions = {}): Promise<Asked> {
  const { promise, resolve, reject } = Promise.withResolvers<Asked>();
  const payload = body === undefined || typeof body === 'string' ? body : JSON.stringify(body);
  const type = payload === undefined ? {} : { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(payload)) };
  const sent = request({ host: '127.0.0.1', port, path, method, agent: false, headers: { ...type, ...headers } }, (response) => {
    text(response).then(
      (answer) =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: JSON.parse(answer || '{}') as Asked['body'] }),
      reject,
    );
  });
  sent.on('error', reject);
  sent.end(payload);
  return promise;
}
