/**
 * `npm run docs:schema`: writes docs/pointsman.schema.json and the table of keys in docs/configuration.md, both made from
 * shared/config/schema.ts. Started through scripts/run.mjs, because it imports TypeScript.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { jsonSchemaText, withKeysTable } from '../shared/config/json-schema.ts';
import { root } from './node.mjs';

const document = join(root, 'docs/configuration.md');
writeFileSync(join(root, 'docs/pointsman.schema.json'), jsonSchemaText());
writeFileSync(document, withKeysTable(readFileSync(document, 'utf8')));
