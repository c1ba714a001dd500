/** One GET on a connection of its own, for a host of the test's choice: `200 <body>`. */
import { get } from 'node:http';
import { text } from 'node:stream/consumers';

export async function asked(port: number, host: string, path = '/'): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  get({ host: '127.0.0.1', port, path, headers: { host }, agent: false }, (response) => {
    text(response).then((body) => resolve(`${response.statusCode} ${body.trim()}`), reject);
  }).on('error', reject);
  return promise;
}
