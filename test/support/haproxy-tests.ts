/** The tests that run with every HAProxy version of the matrix: what is said to HAProxy, what it answers, what it loads, and one way through all of pointsman. */
export const HAPROXY_TESTS: readonly string[] = [
  'test/integration/haproxy-*.test.ts',
  'test/integration/notice-stream.test.ts',
  'test/integration/option-changes.test.ts',
  'test/integration/plan.test.ts',
  'test/integration/reconcile.test.ts',
  'test/integration/reload-proxy.test.ts',
  'test/integration/server-options.test.ts',
  'test/unit/render-golden.test.ts',
];
