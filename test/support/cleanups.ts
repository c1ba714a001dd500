/** What a test has to take down: done after each test, the newest first. */
import { afterEach } from 'vitest';

/** To be called at the top of a test file; what is pushed runs after the test that pushed it. */
export function cleanupsAfterEach(): (() => Promise<unknown>)[] {
  const cleanups: (() => Promise<unknown>)[] = [];
  afterEach(async () => {
    for (const clean of cleanups.splice(0).reverse()) await clean();
  });
  return cleanups;
}
