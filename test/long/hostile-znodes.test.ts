/** What test/unit/znode-formats.test.ts tries by thousands: a million znodes that strangers could write, in every format. A minute or two on two cores. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { RegistrationFormat } from '../../shared/model/service-config.ts';
import { decode } from '../../shared/znode/format.ts';
import { faultOf, hostileZnode } from '../support/hostile-znodes.ts';

const FORMATS: readonly RegistrationFormat[] = ['auto', 'address', 'nerve', 'serverset', 'curator'];
const RUNS = Number(process.env.RUNS ?? '1000000') / FORMATS.length;
/** What is kept of what was read and thrown away. */
const GROWTH_MAX_MB = 16;

/** Of the heap, after all that nobody holds is gone. */
function heldBytes(): number {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
  return process.memoryUsage().heapUsed;
}

it(`${RUNS * FORMATS.length} znodes`, () => {
  let readable = 0;
  const before = heldBytes();
  for (const format of FORMATS) {
    fc.assert(
      fc.property(hostileZnode, ({ name, data, endpoint }) => {
        const says = decode(format, name, data, { endpoint });
        readable += Number(says.ok);
        const fault = faultOf(says);
        if (fault !== null) throw new Error(fault);
      }),
      { numRuns: RUNS },
    );
  }
  const grown = Math.round((heldBytes() - before) / 2 ** 20);
  process.stdout.write(`${RUNS * FORMATS.length} znodes: ${readable} read, the others refused; the heap has grown by ${grown} MB\n`);
  expect(readable).toBeGreaterThan(RUNS / 10);
  expect(grown).toBeLessThan(GROWTH_MAX_MB);
});
