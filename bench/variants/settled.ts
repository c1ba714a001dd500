/** Waits until HAProxy has as many servers in a backend as it should: those that left are deleted. */
import type { TestHaproxy } from '../../test/support/haproxy.ts';
import { until } from '../../test/support/poll.ts';

const WITHIN_MS = 20_000;
const EVERY_MS = 50;
/** The version and the columns. */
const HEAD_LINES = 2;

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
