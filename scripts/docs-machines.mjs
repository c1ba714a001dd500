/**
 * `npm run docs:machines`: writes the states, events, diagrams and total tables in machines/SPEC.md, made from the machines' definitions and
 * machines/meaning.ts. Started through scripts/run.mjs, because it imports TypeScript.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { withSpecifications } from '../machines/specification.ts';
import { root } from './node.mjs';

const document = join(root, 'machines/SPEC.md');
writeFileSync(document, withSpecifications(readFileSync(document, 'utf8')));
