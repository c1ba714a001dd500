/**
 * A vitest reporter that writes the run's counts, as JSON `{passed, failed, skipped}`, to the file named by
 * POINTSMAN_TEST_COUNTS; scripts/test.mjs makes its last line of it. A file that could not be loaded, a suite whose hook
 * failed and an error outside every test count as one failed each, so that a red run never says "0 failed".
 */
import { writeFileSync } from 'node:fs';
import type { SerializedError } from 'vitest';
import type { Reporter, TestModule } from 'vitest/node';

interface Counts {
  passed: number;
  failed: number;
  skipped: number;
}

export default class CountReporter implements Reporter {
  onTestRunEnd(modules: ReadonlyArray<TestModule>, unhandled: ReadonlyArray<SerializedError>): void {
    const file = process.env['POINTSMAN_TEST_COUNTS'];
    if (file !== undefined) writeFileSync(file, JSON.stringify(count(modules, unhandled.length)));
  }
}

function count(modules: ReadonlyArray<TestModule>, unhandled: number): Counts {
  const counts: Counts = { passed: 0, failed: unhandled, skipped: 0 };
  for (const module of modules) {
    for (const test of module.children.allTests()) {
      const { state } = test.result();
      // A test that is still pending when the run ends was cut off: it did not pass.
      counts[state === 'pending' ? 'failed' : state] += 1;
    }
    if (module.errors().length > 0) counts.failed += 1;
    for (const suite of module.children.allSuites()) if (suite.errors().length > 0) counts.failed += 1;
  }
  return counts;
}
