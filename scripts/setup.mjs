/**
 * Makes a checkout ready to run: the programs that pointsman drives (HAProxy, Redis, Zookeeper with a Java) and node_modules.
 * Does nothing, and says nothing, when all is there. Installs Debian packages only as root, and never starts their daemons.
 * Plain JavaScript for Node 20 and later, without dependencies. Exit code 2: something is missing that the reader has to install.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { accessSync, constants, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { outsideEnvironment, root } from './node.mjs';

/** What has to be there, and the Debian package that brings it. */
const NEEDED = [
  { what: 'haproxy', package: 'haproxy', there: () => onPath('haproxy') },
  { what: 'redis-server', package: 'redis-server', there: () => onPath('redis-server') },
  { what: 'java', package: 'default-jre-headless', there: () => onPath('java') },
  { what: 'zookeeper.jar', package: 'zookeeper', there: () => existsSync('/usr/share/java/zookeeper.jar') },
];
const APT_TIMEOUT_MS = 15 * 60_000;
const NPM_TIMEOUT_MS = 15 * 60_000;
const OUTPUT_BYTES_MAX = 64 * 1024 * 1024;

/** A failure that the reader can mend: one message, no stack. */
class SetupError extends Error {
  constructor(message, exitCode = 2) {
    super(message);
    this.exitCode = exitCode;
  }
}

/** @param {{ programs: boolean }} options programs: also HAProxy, Redis and Zookeeper (the demo and the tests need them). */
export function setup({ programs }) {
  if (programs) ensurePrograms();
  ensureModules();
}

/** Runs `action`, turning a SetupError into its message and exit code. */
export function orExplain(action) {
  try {
    return action();
  } catch (error) {
    console.error(error instanceof Error ? error.message : String(error));
    process.exit(error instanceof SetupError ? error.exitCode : 2);
  }
}

function ensurePrograms() {
  const missing = NEEDED.filter((needed) => !needed.there());
  if (missing.length === 0) return;
  const names = missing.map((needed) => needed.what).join(', ');
  const packages = missing.map((needed) => needed.package);
  if (!existsSync('/etc/debian_version')) {
    throw new SetupError(
      `Missing: ${names}. This is no Debian: install HAProxy (2.6 or later), redis-server, Zookeeper (as /usr/share/java/zookeeper.jar) and a Java runtime, then try again.`,
    );
  }
  if (process.getuid?.() !== 0) {
    throw new SetupError(
      `Missing: ${names}. Install them with:\n  sudo apt-get update && sudo apt-get install -y --no-install-recommends ${packages.join(' ')}`,
    );
  }
  console.error(`setup: installing ${packages.join(', ')} (apt-get; their daemons are not started)`);
  withoutDaemons(() => {
    // A third-party source that fails must not stop us: what counts is whether the install finds its packages.
    const update = apt(['update', '-q']);
    const install = apt(['install', '-y', '-q', '--no-install-recommends', ...packages]);
    if (install.status !== 0) {
      throw new SetupError(`${tail(update)}${tail(install)}apt-get could not install ${packages.join(', ')} (above: its last lines).`, 1);
    }
  });
  const still = NEEDED.filter((needed) => !needed.there()).map((needed) => needed.what);
  if (still.length > 0) throw new SetupError(`apt-get succeeded, but still missing: ${still.join(', ')}.`, 1);
}

function apt(args) {
  return spawnSync('apt-get', ['-o', 'Dpkg::Use-Pty=0', ...args], {
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    stdio: ['ignore', 'pipe', 'pipe'],
    encoding: 'utf8',
    timeout: APT_TIMEOUT_MS,
    maxBuffer: OUTPUT_BYTES_MAX,
  });
}

const POLICY = '/usr/sbin/policy-rc.d';
const POLICY_MARK = '# Written by the setup script of pointsman for the time of one apt-get; safe to delete.';

/** Debian's own switch against starting daemons at install time. A file that somebody else put there is theirs. */
function withoutDaemons(action) {
  const theirs = existsSync(POLICY) && !readFileSync(POLICY, 'utf8').includes(POLICY_MARK);
  if (theirs) return action();
  const remove = () => rmSync(POLICY, { force: true });
  // apt-get runs synchronously, so an interrupt is delivered after it: these only keep the interrupt from ending us before `finally`.
  const interrupted = () => process.exit(130);
  process.on('exit', remove).on('SIGINT', interrupted).on('SIGTERM', interrupted);
  try {
    writeFileSync(POLICY, `#!/bin/sh\n${POLICY_MARK}\nexit 101\n`, { mode: 0o755 });
    action();
  } finally {
    remove();
    process.off('exit', remove).off('SIGINT', interrupted).off('SIGTERM', interrupted);
  }
}

const lockFile = join(root, 'package-lock.json');
const installedLock = join(root, 'node_modules', '.package-lock.json');
const stampFile = join(root, 'node_modules', '.pointsman-lock');

/** node_modules is what package-lock.json says: known by a stamp with the lock's hash, else by npm's own record. */
function ensureModules() {
  const lock = readFileSync(lockFile);
  const stamp = createHash('sha256').update(lock).digest('hex');
  if (existsSync(stampFile) && readFileSync(stampFile, 'utf8') === stamp) return;
  if (!installedMatches(lock)) {
    console.error('setup: npm ci');
    const npm = spawnSync('npm', ['ci', '--no-fund', '--no-audit', '--loglevel=error'], {
      cwd: root,
      env: outsideEnvironment(),
      stdio: ['ignore', 2, 2],
      timeout: NPM_TIMEOUT_MS,
    });
    if (npm.status !== 0)
      throw new SetupError(`npm ci failed${npm.error ? `: ${npm.error.message}` : ''}. Mend what it names above and try again.`, 1);
  }
  writeFileSync(stampFile, stamp);
}

/** Whether npm's record of node_modules has every package of the lock in its version (optional ones may be left out). */
function installedMatches(lock) {
  if (!existsSync(installedLock)) return false;
  const wanted = JSON.parse(lock.toString('utf8')).packages;
  const installed = JSON.parse(readFileSync(installedLock, 'utf8')).packages;
  return Object.entries(wanted).every(([path, entry]) => {
    if (path === '' || entry.optional || !path.includes('node_modules/')) return true;
    const found = installed[path];
    return found !== undefined && found.version === entry.version && found.integrity === entry.integrity;
  });
}

/** Debian keeps haproxy in /usr/sbin, which is not on everybody's PATH. */
function onPath(program) {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/local/sbin', '/usr/sbin', '/sbin'];
  return folders.some((folder) => folder !== '' && isExecutable(join(folder, program)));
}

function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function tail({ stdout, stderr, error }) {
  return `${[stdout, stderr, error?.message].filter(Boolean).join('\n').split('\n').slice(-25).join('\n')}\n`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) orExplain(() => setup({ programs: true }));
