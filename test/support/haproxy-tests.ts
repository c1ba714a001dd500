/**
 * The tests that run with every HAProxy version of the matrix: what is said to HAProxy, what it answers (also strange things), what it loads, reloads
 * of others, what is set by hand, the shared frontend, and one way through all of pointsman.
 */
export const HAPROXY_TESTS: readonly string[] = [
  'test/integration/asked-options.test.ts',
  'test/integration/cli-oracle.test.ts',
  'test/integration/foreign-reload.test.ts',
  'test/integration/haproxy-*.test.ts',
  'test/integration/notice-stream.test.ts',
  'test/integration/option-changes.test.ts',
  'test/integration/override.test.ts',
  'test/integration/paths-by-proxy.test.ts',
  'test/integration/plan.test.ts',
  'test/integration/reconcile.test.ts',
  'test/integration/reload-proxy.test.ts',
  'test/integration/server-options.test.ts',
  'test/integration/shared-frontend.test.ts',
  'test/integration/strange-replies.test.ts',
  'test/unit/render-golden.test.ts',
];
