/**
 * `npm run build`: emits dist/ as plain JavaScript (Node strips no types under node_modules), copies the files beside the
 * sources that are read at run time, and makes the command executable.
 */
import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { childEnvironment, findNode, root } from './node.mjs';
import { orExplain, setup } from './setup.mjs';

const SOURCES = ['cli', 'machines', 'shared', 'workers'];
/** What tsc emits itself, and prose. Everything else beside the sources is an asset. */
const NOT_ASSETS = /\.(ts|md)$/;
const SHEBANG = '#!/usr/bin/env node\n';

orExplain(() => setup({ programs: false }));
const dist = join(root, 'dist');
rmSync(dist, { recursive: true, force: true });

const tsc = spawnSync(findNode(), [join(root, 'node_modules/typescript/bin/tsc'), '-p', 'tsconfig.build.json'], {
  cwd: root,
  // npm pack prints the package's name on stdout: nothing else may go there.
  stdio: ['ignore', 2, 2],
  env: childEnvironment(),
});
if (tsc.status !== 0) process.exit(tsc.status ?? 1);

for (const folder of SOURCES) {
  for (const entry of readdirSync(join(root, folder), { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || NOT_ASSETS.test(entry.name)) continue;
    const path = join(entry.parentPath ?? entry.path, entry.name);
    cpSync(path, join(dist, path.slice(root.length)));
  }
}

const command = join(dist, 'cli/main.js');
if (existsSync(command)) {
  const code = readFileSync(command, 'utf8');
  if (!code.startsWith('#!')) writeFileSync(command, SHEBANG + code);
  chmodSync(command, 0o755);
}
