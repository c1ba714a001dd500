/**
 * `npm run lock:complete`: adds to package-lock.json the optional packages of other platforms that npm left out because the registry
 * at hand does not carry them. Without them `npm ci` refuses the lock everywhere. Only packages asked for in one exact version can be added; such an
 * entry has no integrity hash. Run it after a dependency changed; it does nothing when the lock is whole.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './node.mjs';

const file = join(root, 'package-lock.json');
const lock = JSON.parse(readFileSync(file, 'utf8'));
const added = [];

for (const [from, entry] of Object.entries(lock.packages)) {
  for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
    if (resolves(from, name)) continue;
    if (!/^\d+\.\d+\.\d+$/.test(version)) throw new Error(`${from} wants ${name} in "${version}": only an exact version can be added`);
    const cpu = /(?:^|[-/])(arm64|x64|arm|ia32|ppc64|riscv64|s390x)(?:-|$)/.exec(name)?.[1];
    const os = /(?:^|[-/])(android|darwin|freebsd|linux|openharmony|win32)-/.exec(name)?.[1];
    if (cpu === undefined || os === undefined) throw new Error(`${name} does not say its platform`);
    lock.packages[`node_modules/${name}`] = {
      version,
      cpu: [cpu],
      ...(entry.dev ? { dev: true } : {}),
      ...libcOf(name),
      optional: true,
      os: [os],
    };
    added.push(`${name}@${version}`);
  }
}

if (added.length > 0) {
  lock.packages = Object.fromEntries(Object.entries(lock.packages).sort(([a], [b]) => a.localeCompare(b, 'en')));
  writeFileSync(file, `${JSON.stringify(lock, null, 2)}\n`);
}
console.log(added.length === 0 ? 'package-lock.json is whole' : `added ${added.length}:\n  ${added.join('\n  ')}`);

function libcOf(name) {
  if (!name.includes('linux')) return {};
  return { libc: [/musl/.test(name) ? 'musl' : 'glibc'] };
}

/** Whether Node would find `name` from the package at `from`, as npm lays the tree out. */
function resolves(from, name) {
  for (let at = from; ; at = at.slice(0, Math.max(0, at.lastIndexOf('/node_modules/')))) {
    if (lock.packages[`${at === '' ? '' : `${at}/`}node_modules/${name}`] !== undefined) return true;
    if (at === '') return false;
  }
}
