/** PURE. `option httpchk` and `http-check expect` (HAProxy's manual, 4.2) as a service's `check`. */
import type { ServiceTarget } from './service-target.ts';

/** HAProxy's own when the line names none. */
const METHOD = 'OPTIONS';
const PATH = '/';

/** Whether the line was one of these. */
export function carryCheckLine(line: string, option: string, target: ServiceTarget): boolean {
  const request = /^option httpchk(?: (.*))?$/.exec(line);
  if (request !== null) {
    carryRequest(request[1] ?? '', option, target);
    return true;
  }
  const [, kind, pattern = ''] = /^http-check expect (string|status) (.+)$/.exec(line) ?? [];
  if (kind === undefined) return false;
  if (kind === 'string') target.carry(option, ['check', 'expect', 'body'], unescaped(pattern));
  else target.carry(option, ['check', 'expect', 'status'], pattern);
  return true;
}

/** `[[METHOD] PATH [VERSION]]`; the version may have headers behind it, in HAProxy's escapes. */
function carryRequest(text: string, option: string, target: ServiceTarget): void {
  const words = text.match(/(?:\\.|[^\s\\])+/g) ?? [];
  const [method, path, version] = words.length < 2 ? [METHOD, words[0] ?? PATH, undefined] : words;
  target.carry(option, ['check', 'http'], `${method} ${path}`);
  if (version === undefined) return;
  const [, ...headers] = unescaped(version).split('\r\n');
  for (const header of headers.filter((one) => one !== '')) {
    const [, name = '', value = ''] = /^([^:]+):\s*(.*)$/.exec(header) ?? [];
    if (name.toLowerCase() === 'host') target.carry(option, ['check', 'host'], value);
    else if (name === '') target.left(option, `the header ${header}: it has no name`);
    else target.carry(option, ['check', 'headers', name], value);
  }
}

/** HAProxy's escapes (manual, 2.2). */
function unescaped(text: string): string {
  const known: Readonly<Record<string, string>> = { r: '\r', n: '\n', t: '\t' };
  return text.replace(/\\(.)/g, (_, char: string) => known[char] ?? char);
}
