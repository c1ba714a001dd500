/**
 * Which Node runs pointsman in this checkout: the one of the tools/node workspace, else this very process if it is new enough.
 * Plain JavaScript for Node 20 and later, without dependencies, because it runs before anything is installed.
 */
import { existsSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = dirname(dirname(fileURLToPath(import.meta.url)));
const bin = join(root, 'node_modules', '.bin');

/** The first Node that runs TypeScript files without a flag. */
const OLDEST = { major: 22, minor: 18 };

/** @returns {string} the path of a Node that runs `.ts` files. Throws with one line for the reader when there is none. */
export function findNode() {
  const own = join(bin, 'node');
  if (existsSync(own)) return own;
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (major > OLDEST.major || (major === OLDEST.major && minor >= OLDEST.minor)) return process.execPath;
  throw new Error(
    `pointsman needs Node ${OLDEST.major}.${OLDEST.minor} or later; this is ${process.versions.node}, and there is no packaged Node for ${process.platform}-${process.arch}. Install Node 24 and try again.`,
  );
}

/** The environment for child processes: the checkout's programs first on PATH, so that `node` means the same everywhere below. */
export function childEnvironment(extra = {}) {
  return { ...process.env, PATH: [bin, process.env.PATH ?? ''].join(delimiter), ...extra };
}

/** The environment for npm itself, which replaces node_modules: nothing in it may be needed meanwhile. */
export function outsideEnvironment() {
  const path = (process.env.PATH ?? '').split(delimiter).filter((entry) => !entry.includes('node_modules'));
  return { ...process.env, PATH: path.join(delimiter) };
}
