/** Links for tests, with a record of what they told. */
import { PointsmanError } from '../../shared/errors.ts';
import { createLogger } from '../../shared/observability/logger.ts';
import { type LinkOptions, ZookeeperLink } from '../../shared/zookeeper/link.ts';
import { until } from './poll.ts';

export interface TestLink extends AsyncDisposable {
  readonly link: ZookeeperLink;
  /** In order: `up new`, `up resumed`, `down`, `expired`, `problem <code>`. */
  readonly told: string[];
}

/** ms; long, so that a busy machine does not look like a dead link; tests of what ends sessions ask for less. */
const SESSION_MS = 8_000;

/** Started; `connect` may name a server that does not answer yet. */
export function openLink(connect: string, options: Partial<LinkOptions> = {}): TestLink {
  const logger = createLogger({ level: (process.env.TEST_LOG as 'silent' | undefined) ?? 'silent' });
  const link = new ZookeeperLink({ connect, sessionTimeout: SESSION_MS, auth: null, logger, ...options });
  const told: string[] = [];
  link.on('up', ({ resumed }) => told.push(resumed ? 'up resumed' : 'up new'));
  link.on('down', () => told.push('down'));
  link.on('expired', () => told.push('expired'));
  link.on('problem', (problem) => told.push(`problem ${problem.code}`));
  link.start();
  return { link, told, [Symbol.asyncDispose]: () => link.stop() };
}

/** Started and up. */
export async function connectedLink(connect: string, options: Partial<LinkOptions> = {}): Promise<TestLink> {
  const opened = openLink(connect, options);
  await until('the link to come up', () => opened.link.connected);
  return opened;
}

/** The code that the promise was refused with; fails when it was kept. */
export async function refusal(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof PointsmanError) return error.code;
    throw error;
  }
  throw new Error('it was not refused');
}
