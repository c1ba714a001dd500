/** Whether Zookeeper is one that pointsman can work with: a session comes about, our own znodes can be written, the services' can be read. */
import type { Config } from '../../shared/config/config.ts';
import { errorText, PointsmanError } from '../../shared/errors.ts';
import { pathsOf } from '../../shared/model/service-path.ts';
import { within } from '../../shared/runtime/deadline.ts';
import type { ZookeeperLink } from '../../shared/zookeeper/link.ts';
import { withZookeeper } from '../zookeeper-link.ts';
import { type Finding, failed, failure, note, ok } from './finding.ts';

const OF = 'zookeeper';
/** All questions together, once there is a session. */
const ANSWERS_MS = 10_000;
/** Paths that are read side by side. */
const AT_ONCE = 16;

export async function liveZookeeper(config: Config): Promise<Finding[]> {
  try {
    return await withZookeeper(config, (link) => within(ANSWERS_MS, asked(config, link), late));
  } catch (error) {
    return [failure(OF, error)];
  }
}

async function asked(config: Config, link: ZookeeperLink): Promise<Finding[]> {
  const { connect, root } = config.zookeeper;
  if ((await link.exists('/')) === null)
    return [failed(OF, `${connect}: the znode behind the addresses is not there`, 'create it, or correct zookeeper.connect')];
  const findings = [await ourRoot(link, root)];
  const paths = [
    ...config.services.flatMap(({ name, path }) => pathsOf(path).map((one) => ({ what: `services.${name}.path`, path: one }))),
    ...config.discover.map((rule) => ({ what: 'discover', path: rule.root })),
  ];
  let read = 0;
  for (let at = 0; at < paths.length; at += AT_ONCE) {
    const some = await Promise.all(paths.slice(at, at + AT_ONCE).map(({ what, path }) => readable(link, what, path)));
    read += some.filter((finding) => finding === null).length;
    findings.push(...some.filter((finding) => finding !== null));
  }
  return [...findings, ok(OF, `${read} of ${paths.length} paths of services read`)];
}

/** By a znode of ours that goes with this session at the latest. */
async function ourRoot(link: ZookeeperLink, root: string): Promise<Finding> {
  try {
    if ((await link.exists(root)) === null) return note(OF, `${root} is not there yet; \`pointsman run\` creates it`);
    const probe = await link.create(`${root}/check-`, '', { ephemeral: true, sequential: true });
    await link.remove(probe);
    return ok(OF, `a session, and znodes below ${root} can be written`);
  } catch (error) {
    return failed(OF, `znodes below ${root} cannot be written: ${errorText(error)}`, 'give zookeeper.auth all rights there (setAcl)');
  }
}

/** null: it can be read. */
async function readable(link: ZookeeperLink, what: string, path: string): Promise<Finding | null> {
  try {
    await link.children(path);
    return null;
  } catch (error) {
    if (error instanceof PointsmanError && error.code === 'ZOOKEEPER_NO_NODE')
      return note(OF, `${what}: ${path} is not there yet; it is read once it is`);
    return failed(OF, `${what}: ${path} cannot be read: ${errorText(error)}`, error instanceof PointsmanError ? error.hint : null);
  }
}

function late(): PointsmanError {
  return new PointsmanError('ZOOKEEPER_TIMEOUT', `Zookeeper did not answer within ${ANSWERS_MS / 1000} s`, {
    hint: 'look at the load and the log of the ensemble',
    retry: 'transient',
  });
}
