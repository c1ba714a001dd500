/**
 * How tests run: in forked processes (each test file may start servers and end them by pid), two at a time so that a small
 * machine's timings stay honest. `--mode long` runs test/long instead: soaks and loads, one after the other.
 */
import { defineConfig } from 'vitest/config';

export default defineConfig(({ mode }) => {
  const long = mode === 'long';
  return {
    test: {
      include: [long ? 'test/long/**/*.test.ts' : 'test/**/*.test.ts'],
      exclude: [...(long ? [] : ['test/long/**']), 'node_modules/**', 'dist/**'],
      testTimeout: long ? 900_000 : 30_000,
      hookTimeout: long ? 120_000 : 60_000,
      teardownTimeout: 20_000,
      pool: 'forks',
      maxWorkers: long ? 1 : 2,
      fileParallelism: !long,
      reporters: ['default', './test/support/count-reporter.ts'],
    },
  };
});
