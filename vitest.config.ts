/**
 * How tests run: in forked processes (each test file may start servers and end them by pid), three at a time: two of them leave two cores idle for most of the time.
 * `--mode long` runs test/long instead: soaks and loads, one after the other.
 * The tests that speak to HAProxy run once more with each other version that the checkout has (test/support/haproxy-versions.ts);
 * `HAPROXY=/path/to/haproxy` runs everything with that one instead.
 */
import { defineConfig } from 'vitest/config';
import { HAPROXY_TESTS } from './test/support/haproxy-tests.ts';
import { binFolder, matrix, namedPath, pathWith } from './test/support/haproxy-versions.ts';

export default defineConfig(({ mode }) => {
  const long = mode === 'long';
  const named = namedPath();
  const versions = long ? [] : matrix().filter(({ whyNot }) => whyNot === null);
  return {
    test: {
      projects: [
        {
          extends: true,
          test: {
            name: 'pointsman',
            include: [long ? 'test/long/**/*.test.ts' : 'test/**/*.test.ts'],
            exclude: [...(long ? [] : ['test/long/**']), 'node_modules/**', 'dist/**'],
            ...(named === null ? {} : { env: { PATH: named } }),
          },
        },
        ...versions.map(({ version }) => ({
          extends: true as const,
          test: {
            name: `haproxy ${version}`,
            include: [...HAPROXY_TESTS],
            env: { PATH: pathWith(binFolder(version)), POINTSMAN_HAPROXY_VERSION: version },
          },
        })),
      ],
      testTimeout: long ? 900_000 : 30_000,
      hookTimeout: long ? 120_000 : 60_000,
      teardownTimeout: 20_000,
      pool: 'forks',
      maxWorkers: long ? 1 : 3,
      fileParallelism: !long,
      reporters: ['default', './test/support/count-reporter.ts'],
    },
  };
});
