/**
 * `npm run docs:haproxy`: writes the tables of docs/haproxy-versions.md, made from what the plan and the encoder decide by.
 * Started through scripts/run.mjs, because it imports TypeScript.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { withVersionTables } from '../shared/haproxy/versions-document.ts';
import { root } from './node.mjs';

const document = join(root, 'docs/haproxy-versions.md');
writeFileSync(document, withVersionTables(readFileSync(document, 'utf8')));
