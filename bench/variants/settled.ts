/** Waits for a variant to be where a measurement can begin. */
import type { TestHaproxy } from '../../test/support/haproxy.ts';
import { until } from '../../test/support/poll.ts';

const WITHIN_MS = 20_000;
const EVERY_MS = 50;
/** The version and the columns. */
const HEAD_LINES = 2;

/** Those that left are deleted. */
export async function hasServers(haproxy: TestHaproxy, backend: string, servers: number): Promise<void> {
  await until(
    `${backend} to have ${servers} servers`,
    async () => {
      const [state = ''] = await haproxy.cli(`show servers state ${backend}`);
      return state.split('\n').filter((line) => line.trim() !== '').length - HEAD_LINES === servers;
    },
    { timeoutMs: WITHIN_MS, everyMs: EVERY_MS },
  );
}

/** The first instance takes traffic. */
export async function isAnswered(port: number): Promise<void> {
  await until(`port ${port} to answer`, async () => (await fetch(`http://127.0.0.1:${port}/once`)).status === 200, {
    timeoutMs: WITHIN_MS,
  });
}
