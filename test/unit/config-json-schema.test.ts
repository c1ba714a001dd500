/** What is made from the schema: it is as committed, an independent validator agrees with it, and it knows what the config knows. */
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { jsonSchemaText, keysTable, withKeysTable } from '../../shared/config/json-schema.ts';
import { configOf, LEAST, problemsOf } from '../support/config-text.ts';
import { projectFiles, read } from '../support/tree.ts';

const valid = new Ajv2020({ strict: false }).compile(JSON.parse(jsonSchemaText()) as object);

/** The config examples of the tree, and those in its prose. */
function examples(): [name: string, text: string][] {
  const files = projectFiles();
  const written = files
    .filter((path) => /^(examples|deploy)\/.*pointsman[^/]*\.ya?ml$/.test(path))
    .map((path): [string, string] => [path, read(path)]);
  const quoted = ['docs/configuration.md', 'docs/registrar.md'].flatMap((path) =>
    [...read(path).matchAll(/^```yaml\n([\s\S]*?)^```/gm)].map(([, text], index): [string, string] => [`${path} ${index + 1}`, text ?? '']),
  );
  return [...written, ...quoted];
}

describe('the JSON Schema', () => {
  it('is as committed (else: npm run docs:schema)', () => {
    expect(read('docs/pointsman.schema.json') === jsonSchemaText()).toBe(true);
  });

  it.each(examples())('takes %s, and so does the config', (_, text) => {
    expect(valid(parse(text)), JSON.stringify(valid.errors)).toBe(true);
    const env = Object.fromEntries([...text.matchAll(/\$\{(\w+)\}/g)].map(([, name]) => [name ?? '', 'user:password']));
    expect(() => configOf(text, { env, readFile: () => 'user:password' })).not.toThrow();
  });

  it('takes a placeholder wherever a text of some form stands', () => {
    const text = `zookeeper: { connect: "\${ZK}", sessionTimeout: "\${T}" }\nredis: { url: "\${REDIS}" }\nlog: { level: "\${LEVEL}" }\n`;
    expect(valid(parse(text)), JSON.stringify(valid.errors)).toBe(true);
  });

  it.each([
    'services: { a: { path: /a, mode: udp } }',
    'services: { a: { path: a } }',
    'services: { a: { path: /a, check: non } }',
    'services: { a: { path: /a, check: { rise: 0 } } }',
    'services: { a: { path: /a, balance: static-rr } }',
    'services: { a: { path: /a, timeouts: { queue: 5 } } }',
    'services: { a: {} }',
    'services: { "a b": { path: /a } }',
    'proxies: { a: {} }',
    'metrics: {}',
    'haproxy: { override: keep }',
  ])('refuses, as the config does, %s', (line) => {
    const text = `${LEAST}${line}\n`;
    expect(valid(parse(text))).toBe(false);
    expect(problemsOf(text).length).toBeGreaterThan(0);
  });
});

describe('docs/configuration.md', () => {
  it('has the table of keys as it would be made now (else: npm run docs:schema)', () => {
    const document = read('docs/configuration.md');
    expect(withKeysTable(document) === document).toBe(true);
  });

  it('says of every key what it means', () => {
    const rows = keysTable().split('\n').slice(2);
    expect(rows.length).toBeGreaterThan(60);
    for (const row of rows) expect(row).toMatch(/^\| `[\w.<>[\]]+` \| (required|`[^|]+`)? ?\| [A-Z`\d][^|]+\. \|$/);
  });
});
