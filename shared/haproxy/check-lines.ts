/** PURE. The lines by which a backend says how its servers are checked over HTTP (manual, `option httpchk`, `http-check send`, `http-check expect`). */
import { assert } from '../errors.ts';
import type { CheckConfig } from '../model/service-config.ts';
import { HOST, isCheckMethod, isCheckPath, TOKEN } from './render-words.ts';

/** Between single quotes HAProxy reads nothing but their end; a header's value is a format, in which `%` begins a variable. */
const HEADER_VALUE = /^[ -$&(-~]{0,256}$/;
const TEXT = /^[ -&(-~]{1,256}$/;
const STATUS = /^[1-5]\d\d(-[1-5]\d\d)?(,[1-5]\d\d(-[1-5]\d\d)?){0,15}$/;

export function checkLines(check: CheckConfig): string[] {
  if (check.type !== 'http') return [];
  const { method, path, host, headers = {}, expect } = check;
  assert(isCheckMethod(method), `a check's method must be GET, HEAD or OPTIONS, not ${JSON.stringify(method)}`);
  assert(isCheckPath(path), `a check's path must be a plain path, not ${JSON.stringify(path)}`);
  const plain = host === undefined && Object.keys(headers).length === 0;
  return [
    ...(plain ? [`option httpchk ${method} ${path}`] : ['option httpchk', sendLine(method, path, host, headers)]),
    ...(expect?.status === undefined ? [] : [`http-check expect status ${matching(expect.status, STATUS, 'a status')}`]),
    ...(expect?.body === undefined ? [] : [`http-check expect string '${matching(expect.body, TEXT, 'a body')}'`]),
  ];
}

function sendLine(method: string, path: string, host: string | undefined, headers: Readonly<Record<string, string>>): string {
  const names = Object.keys(headers).sort();
  const said = [
    ...(host === undefined ? [] : [`hdr Host ${matching(host, HOST, 'a host')}`]),
    ...names.map((name) => `hdr ${matching(name, TOKEN, 'a header')} '${matching(headers[name] ?? '', HEADER_VALUE, 'a header value')}'`),
  ];
  const version = host === undefined ? [] : ['ver HTTP/1.1'];
  return ['http-check send meth', method, 'uri', path, ...version, ...said].join(' ');
}

function matching(text: string, form: RegExp, what: string): string {
  assert(form.test(text), `${what} of a check must be plain, not ${JSON.stringify(text)}`);
  return text;
}
