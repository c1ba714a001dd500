/** A session with Zookeeper for one job of a command: opened, closed whatever happens. */
import type { Config } from '../shared/config/config.ts';
import { errorText, PointsmanError } from '../shared/errors.ts';
import { createLogger } from '../shared/observability/logger.ts';
import { within } from '../shared/runtime/deadline.ts';
import { ZookeeperLink } from '../shared/zookeeper/link.ts';

const CONNECT_MS = 5_000;

/** @throws PointsmanError ZOOKEEPER_UNREACHABLE, and what `job` throws. */
export async function withZookeeper<T>(config: Config, job: (link: ZookeeperLink) => Promise<T>): Promise<T> {
  const { connect, sessionTimeout, auth } = config.zookeeper;
  const link = new ZookeeperLink({ connect, sessionTimeout, auth, logger: createLogger({ level: 'silent' }) });
  try {
    let last: unknown = null;
    link.on('problem', (problem) => {
      last = problem;
    });
    const up = new Promise<void>((resolve) => link.once('up', () => resolve()));
    link.start();
    await within(CONNECT_MS, up, () => unreachable(connect, last));
    return await job(link);
  } finally {
    await link.stop();
  }
}

function unreachable(connect: string, cause: unknown): PointsmanError {
  const why = cause === null ? `no answer within ${CONNECT_MS / 1000} s` : errorText(cause);
  return new PointsmanError('ZOOKEEPER_UNREACHABLE', `Zookeeper at ${connect} cannot be reached: ${why}`, {
    hint: 'check zookeeper.connect and that Zookeeper runs',
    retry: 'transient',
    cause,
  });
}
