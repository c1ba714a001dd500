/** The programs that the demo drives: looked for before anything is started. What is missing is named with the command that installs it. */
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { PointsmanError } from '../../shared/errors.ts';

export interface Programs {
  readonly haproxy: string;
  readonly redis: string;
  readonly java: string;
  /** Zookeeper's jars, as java's -cp takes them. */
  readonly zookeeper: string;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** Debian keeps haproxy in /usr/sbin, which is not on everybody's PATH. */
const MORE_FOLDERS = ['/usr/local/sbin', '/usr/sbin', '/sbin'];
const JARS = '/usr/share/java';
/** The Debian package that brings each. */
const PACKAGES = {
  haproxy: 'haproxy',
  'redis-server': 'redis-server',
  java: 'default-jre-headless',
  'zookeeper.jar': 'zookeeper',
} as const;

/** Throws TOOL_MISSING that names all that is missing. `ZOOKEEPER_CLASSPATH` says where Zookeeper's jars are, if not where Debian has them. */
export function findPrograms(env: Environment, isThere: (path: string, mode: number) => boolean = accessible): Programs {
  const path = (env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '');
  const find = (program: string): string | null =>
    [...path, ...MORE_FOLDERS].map((folder) => join(folder, program)).find((file) => isThere(file, constants.X_OK)) ?? null;
  const jars = isThere(join(JARS, 'zookeeper.jar'), constants.R_OK)
    ? ['zookeeper.jar', 'zookeeper-jute.jar', '*'].map((jar) => join(JARS, jar)).join(delimiter)
    : null;
  const found = {
    haproxy: find('haproxy'),
    'redis-server': find('redis-server'),
    java: find('java'),
    'zookeeper.jar': env['ZOOKEEPER_CLASSPATH'] ?? jars,
  };
  const { haproxy, 'redis-server': redis, java, 'zookeeper.jar': zookeeper } = found;
  if (haproxy === null || redis === null || java === null || zookeeper === null) throw missing(found);
  return { haproxy, redis, java, zookeeper };
}

function missing(found: Readonly<Record<keyof typeof PACKAGES, string | null>>): PointsmanError {
  const names = (Object.keys(PACKAGES) as (keyof typeof PACKAGES)[]).filter((name) => found[name] === null);
  const packages = names.map((name) => PACKAGES[name]).join(' ');
  return new PointsmanError('TOOL_MISSING', `the demo needs what is not installed here: ${names.join(', ')}`, {
    hint: `sudo apt-get update && sudo apt-get install -y --no-install-recommends ${packages}`,
    retry: 'after',
  });
}

function accessible(path: string, mode: number): boolean {
  try {
    accessSync(path, mode);
    return true;
  } catch {
    return false;
  }
}
