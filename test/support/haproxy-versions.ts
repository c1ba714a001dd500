/**
 * The HAProxy versions that the tests run against besides the machine's own, and where a checkout keeps them: `tmp/haproxy/<version>`, filled by
 * scripts/fetch-haproxy.mjs (`npm test` runs it). Each folder holds a `haproxy` that is complete with its own libraries, or the reason why there is none.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { delimiter, dirname, join, resolve } from 'node:path';
import { root } from './tree.ts';

/** Each with the suites of Debian that have it or had it, in the order to look. */
export const HAPROXY_VERSIONS = [
  { version: '2.6', suites: ['bookworm'] },
  { version: '3.0', suites: ['trixie'] },
  { version: '3.2', suites: ['forky', 'sid'] },
] as const;

const KEPT = join(root, 'tmp', 'haproxy');
const RUN_TIMEOUT_MS = 10_000;

/** The folder that goes first on PATH to run this version. */
export function binFolder(version: string): string {
  return join(KEPT, version, 'bin');
}

export function reasonFile(version: string): string {
  return join(KEPT, version, 'why-not.txt');
}

/** `3.0` of `HAProxy version 3.0.11-1+deb13u4 …`; null: it does not run. */
export function versionOf(binary: string, folder?: string): string | null {
  const env = folder === undefined ? process.env : { ...process.env, PATH: pathWith(folder) };
  const run = spawnSync(binary, ['-v'], { encoding: 'utf8', timeout: RUN_TIMEOUT_MS, env });
  return /^HAProxy version (\d+\.\d+)/.exec(run.stdout ?? '')?.[1] ?? null;
}

export interface MatrixVersion {
  readonly version: string;
  /** null: it is there. */
  readonly whyNot: string | null;
}

/** All but the machine's own; none when HAPROXY names the one to run. */
export function matrix(): readonly MatrixVersion[] {
  if (named() !== null) return [];
  const own = versionOf('haproxy');
  return HAPROXY_VERSIONS.filter(({ version }) => version !== own).map(({ version }) => ({ version, whyNot: whyNot(version) }));
}

function whyNot(version: string): string | null {
  if (versionOf(join(binFolder(version), 'haproxy')) === version) return null;
  const file = reasonFile(version);
  return existsSync(file) ? readFileSync(file, 'utf8').trim() : 'not fetched: `npm test` without arguments does it';
}

/** The PATH on which `haproxy` is the one of this folder. */
export function pathWith(folder: string): string {
  return [folder, process.env['PATH'] ?? ''].join(delimiter);
}

/** The PATH of the tests when `HAPROXY=/path/to/haproxy` names a binary; null: it does not. The tests start `haproxy`, whatever its file is called. */
export function namedPath(): string | null {
  const binary = named();
  if (binary === null) return null;
  const version = versionOf(binary);
  if (version === null) throw new Error(`HAPROXY=${binary} is not a HAProxy that runs`);
  const link = join(KEPT, 'named', version, 'haproxy');
  mkdirSync(dirname(link), { recursive: true });
  rmSync(link, { force: true });
  symlinkSync(binary, link);
  return pathWith(dirname(link));
}

function named(): string | null {
  const binary = process.env['HAPROXY'] ?? '';
  return binary === '' ? null : resolve(binary);
}
