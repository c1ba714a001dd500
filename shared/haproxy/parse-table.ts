/** PURE. Tables of the runtime API, read by the names in their header row: HAProxy adds columns from version to version. */
import { PointsmanError } from '../errors.ts';
import { shown } from './protocol.ts';

export type Row = (column: string) => string;

/** Rows below a `# ` header; of comma-separated ones a field may be quoted (RFC 4180). Columns beyond the header are ignored, missing ones throw HAPROXY_STATE_UNREADABLE. */
export function parseTable(what: string, text: string, columns: readonly string[], separator: ' ' | ','): Row[] {
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  const header = lines.shift();
  if (header === undefined || !header.startsWith('# ')) throw unreadable(what, `no header: ${shown(header ?? '')}`);
  const index = new Map<string, number>();
  for (const [at, column] of header.slice(2).split(separator).entries()) index.set(column, at);
  const width = 1 + Math.max(...columns.map((column) => indexOf(what, index, column)));
  return lines.map((line) => {
    const fields = separator === ',' && line.includes('"') ? quotedFields(line) : line.split(separator);
    if (fields.length < width) throw unreadable(what, `a short row: ${shown(line)}`);
    return (column) => fields[indexOf(what, index, column)] ?? '';
  });
}

/** A quoted field without its quotes. */
function quotedFields(line: string): string[] {
  return [...line.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,]*))/g)].map(
    ([, quoted, plain]) => quoted?.replaceAll('""', '"') ?? plain ?? '',
  );
}

function indexOf(what: string, index: ReadonlyMap<string, number>, column: string): number {
  const at = index.get(column);
  if (at === undefined) throw unreadable(what, `no column ${column}`);
  return at;
}

/** A whole number of a column; throws HAPROXY_STATE_UNREADABLE. */
export function wholeNumber(what: string, text: string): number {
  if (!/^-?\d{1,15}$/.test(text)) throw unreadable(what, `not a number: ${shown(text)}`);
  return Number(text);
}

export function unreadable(what: string, detail: string): PointsmanError {
  return new PointsmanError('HAPROXY_STATE_UNREADABLE', `cannot read HAProxy's \`${what}\`: ${detail}`, {
    hint: 'this version of HAProxy may be newer than what pointsman knows; docs/compatibility.md lists what was tried',
    retry: 'after',
  });
}

const ERROR_REPLY = /^\[[0-3]\]: ?(.*)/;

/** The text of an error reply (severity 0 to 3); null: it is none. */
export function errorReply(text: string): string | null {
  return ERROR_REPLY.exec(text.trimStart())?.[1] ?? null;
}
