/**
 * PURE. What is made from the schema for people and editors: the JSON Schema (draft 2020-12) and the table of keys in
 * docs/configuration.md. Texts that hold a placeholder are valid to an editor, whatever they will be replaced by.
 */
import { z } from 'zod';
import { assert } from '../errors.ts';
import { configSchema } from './schema.ts';

/** The part of JSON Schema that zod makes of our schema. */
interface Node {
  readonly type?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly properties?: Readonly<Record<string, Node>>;
  readonly additionalProperties?: Node | false;
  readonly anyOf?: readonly Node[];
  readonly items?: Node;
  readonly required?: readonly string[];
}

const PLACEHOLDER = '\\$\\{';

/** The text of docs/pointsman.schema.json. */
export function jsonSchemaText(): string {
  return `${JSON.stringify(jsonSchema(), null, 2)}\n`;
}

function jsonSchema(): object {
  const { $schema, ...rest } = z.toJSONSchema(configSchema, {
    io: 'input',
    override: ({ jsonSchema: node }) => {
      if (node.pattern !== undefined && !node.pattern.startsWith('^[A-Za-z0-9_.-]{1,64}$'))
        node.pattern = `(${node.pattern})|${PLACEHOLDER}`;
      if (node.enum === undefined) return;
      node.anyOf = [{ enum: node.enum }, { type: 'string', pattern: PLACEHOLDER }];
      delete node.enum;
      delete node.type;
    },
  });
  return { $schema, title: 'pointsman.yaml', ...rest };
}

/** Markdown: a row for every key. `<id>` and `<name>` stand for names of the operator's choice. */
export function keysTable(): string {
  const rows = rowsOf(z.toJSONSchema(configSchema, { io: 'input' }) as Node, []);
  return ['| key | default | meaning |', '|---|---|---|', ...rows].join('\n');
}

function rowsOf(node: Node, path: readonly string[]): string[] {
  const forms = [node, ...(node.anyOf ?? [])];
  const map = forms.find((one) => one.properties !== undefined || typeof one.additionalProperties === 'object');
  const list = forms.find((one) => one.items?.properties !== undefined);
  // The keys of a service are listed where services are.
  if (path[0] === 'discover[]' && path.at(-1) === 'like') return [];
  if (map === undefined) return list?.items === undefined ? [] : rowsOf(list.items, [...path.slice(0, -1), `${path.at(-1)}[]`]);
  if (typeof map.additionalProperties === 'object')
    return rowsOf(map.additionalProperties, [...path, path[0] === 'proxies' ? '<id>' : '<name>']);
  return Object.entries(map.properties ?? {}).flatMap(([key, child]) => {
    const required = map.required?.includes(key) === true;
    const row = `| \`${[...path, key].join('.')}\` | ${defaultText(child, required)} | ${child.description ?? ''}${choices(child)} |`;
    return [row, ...rowsOf(child, [...path, key])];
  });
}

function defaultText(node: Node, required: boolean): string {
  if (required) return 'required';
  const value = node.default;
  if (value === undefined || (typeof value === 'object' && value !== null && Object.keys(value).length === 0)) return '';
  return `\`${typeof value === 'string' ? value : JSON.stringify(value)}\``;
}

function choices(node: Node): string {
  return node.enum === undefined || node.enum.length < 2 ? '' : ` One of ${node.enum.map((one) => `\`${String(one)}\``).join(', ')}.`;
}

const TABLE_BEGIN = '<!-- keys: made by `npm run docs:schema` -->';
const TABLE_END = '<!-- end of keys -->';

/** The document with its table of keys made anew, between its two marks. */
export function withKeysTable(document: string): string {
  const begin = document.indexOf(TABLE_BEGIN);
  const end = document.indexOf(TABLE_END);
  assert(begin >= 0 && end > begin, 'the document has no place for the table of keys');
  return `${document.slice(0, begin + TABLE_BEGIN.length)}\n${keysTable()}\n${document.slice(end)}`;
}
