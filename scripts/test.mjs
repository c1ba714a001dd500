/**
 * `npm test`: setup, then types and lint, then every test. The last line is `N passed, N failed`, with `, N skipped` when there are
 * any, from vitest's own count; it comes last also when a check failed or vitest could not run. Exit code 0 only if all is well.
 * With arguments (`npm test -- test/unit/plan`) only the named tests run, without the checks. `--long` runs test/long.
 * The tests that speak to HAProxy run with several versions of it; `HAPROXY=/path/to/haproxy npm test` runs all tests with that one.
 */
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { check } from './check.mjs';
import { childEnvironment, findNode, root } from './node.mjs';
import { orExplain, setup } from './setup.mjs';

const args = process.argv.slice(2);
const long = args[0] === '--long';
const rest = long ? args.slice(1) : args;

orExplain(() => setup({ programs: true }));
const failedChecks = rest.length === 0 && !long ? await check() : [];
// What cannot be fetched leaves its reason, and the tests of that version are skipped.
if (rest.length === 0 && !long) spawnSync(findNode(), [join(root, 'scripts/fetch-haproxy.mjs')], { stdio: 'inherit' });
const { counts, code } = await vitest(rest);

if (failedChecks.length > 0) console.log(`check failed: ${failedChecks.join(', ')} (printed above; alone: npm run check)`);
if (counts === null) console.log(`vitest ended without counts (exit code ${code})`);
const { passed, failed, skipped } = counts ?? { passed: 0, failed: 1, skipped: 0 };
console.log(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`);
process.exitCode = failedChecks.length === 0 && code === 0 && failed === 0 ? 0 : 1;

function vitest(filters) {
  const folder = mkdtempSync(join(tmpdir(), 'pointsman-counts-'));
  const file = join(folder, 'counts.json');
  const command = [join(root, 'node_modules/vitest/vitest.mjs'), 'run', ...(long ? ['--mode', 'long'] : []), ...filters];
  const child = spawn(findNode(), command, { cwd: root, stdio: 'inherit', env: childEnvironment({ POINTSMAN_TEST_COUNTS: file }) });
  for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  process.on('SIGINT', () => process.stdin.isTTY || child.kill('SIGINT'));
  return new Promise((resolve) => {
    const ended = (code) => {
      const counts = readCounts(file);
      rmSync(folder, { recursive: true, force: true });
      resolve({ counts, code });
    };
    child.on('error', () => ended(127));
    child.on('exit', (code) => ended(code ?? 130));
  });
}

function readCounts(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return null;
  }
}
