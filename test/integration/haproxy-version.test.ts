/** Which HAProxy the tests of a run speak to; those of a version that is not here are counted as skipped, with the reason. */
import { globSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { observeProxy } from '../../shared/haproxy/observe.ts';
import { withRuntime } from '../../shared/haproxy/runtime.ts';
import { cleanupsAfterEach } from '../support/cleanups.ts';
import { HTTP_DEFAULTS, TestHaproxy } from '../support/haproxy.ts';
import { HAPROXY_TESTS } from '../support/haproxy-tests.ts';
import { matrix, versionOf } from '../support/haproxy-versions.ts';
import { freePort } from '../support/port.ts';
import { root } from '../support/tree.ts';

const asked = process.env['POINTSMAN_HAPROXY_VERSION'];

describe('the HAProxy of this run', () => {
  const cleanups = cleanupsAfterEach();

  it('is the version that it is said to be, also after it has executed itself again', async () => {
    const haproxy = await TestHaproxy.start({ sections: `${HTTP_DEFAULTS}\nfrontend idle\n  bind 127.0.0.1:${await freePort()}\n` });
    cleanups.push(() => haproxy.stop());
    await haproxy.reload();
    const { major, minor } = (await withRuntime(haproxy.runtime, observeProxy)).capabilities;
    expect(`${major}.${minor}`).toBe(asked ?? versionOf('haproxy'));
  });
});

// Named, and not left out: a run without them must not look like a run with them.
const missing = asked === undefined ? matrix().filter(({ whyNot }) => whyNot !== null) : [];
for (const { version, whyNot } of missing) {
  describe(`HAProxy ${version} is not here: ${whyNot}`, () => {
    for (const file of globSync(HAPROXY_TESTS, { cwd: root }).sort()) it.skip(file, () => undefined);
  });
}
