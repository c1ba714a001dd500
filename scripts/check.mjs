/**
 * `npm run check`: types, format and lint, and the tests of the tree's own style. Prints only what failed. Each step can be
 * run alone by its name: `npm run check -- types`. scripts/test.mjs runs the same steps without `tidy`, which its tests include.
 */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { childEnvironment, findNode, root } from './node.mjs';
import { orExplain, setup } from './setup.mjs';

const STEPS = {
  types: ['node_modules/typescript/bin/tsc', '--noEmit', '-p', '.'],
  biome: ['node_modules/@biomejs/biome/bin/biome', 'check', '--error-on-warnings', '--no-errors-on-unmatched', '.'],
  oxlint: ['node_modules/oxlint/bin/oxlint', '--type-aware', '--deny-warnings', '.'],
  tidy: ['node_modules/vitest/vitest.mjs', 'run', 'test/tidy.test.ts', 'test/unit/architecture'],
};
const BEFORE_TESTS = ['types', 'biome', 'oxlint'];

/** @returns {Promise<string[]>} the names of the steps that failed; their output has been printed. */
export async function check(names = BEFORE_TESTS) {
  const results = await Promise.all(names.map(async (name) => ({ name, ...(await run(STEPS[name])) })));
  for (const { name, output } of results.filter((result) => !result.ok)) console.log(`--- ${name}\n${output.trimEnd()}\n`);
  return results.filter((result) => !result.ok).map((result) => result.name);
}

function run([script, ...args]) {
  return new Promise((resolve) => {
    const child = spawn(findNode(), [join(root, script), ...args], {
      cwd: root,
      env: childEnvironment(),
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const chunks = [];
    child.stdout.on('data', (chunk) => chunks.push(chunk));
    child.stderr.on('data', (chunk) => chunks.push(chunk));
    child.on('error', (error) => resolve({ ok: false, output: error.message }));
    child.on('close', (code) => resolve({ ok: code === 0, output: Buffer.concat(chunks).toString('utf8') }));
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  orExplain(() => setup({ programs: false }));
  const asked = process.argv.slice(2);
  const unknown = asked.filter((name) => !Object.hasOwn(STEPS, name));
  if (unknown.length > 0) {
    console.error(`no such step: ${unknown.join(', ')}. Steps: ${Object.keys(STEPS).join(', ')}`);
    process.exit(2);
  }
  const failed = await check(asked.length > 0 ? asked : Object.keys(STEPS));
  console.log(failed.length === 0 ? 'check: ok' : `check failed: ${failed.join(', ')}`);
  process.exitCode = failed.length === 0 ? 0 : 1;
}
