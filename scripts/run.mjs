/**
 * `node scripts/run.mjs [--programs] FILE [ARGS]`: sets the checkout up if need be, then runs FILE with the checkout's Node.
 * Exits as the program does; SIGTERM, SIGHUP and (without a terminal, which sends it itself) SIGINT are passed on.
 */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { childEnvironment, findNode, root } from './node.mjs';
import { orExplain, setup } from './setup.mjs';

const args = process.argv.slice(2);
const programs = args[0] === '--programs';
const [file, ...rest] = programs ? args.slice(1) : args;
if (file === undefined) {
  console.error('usage: node scripts/run.mjs [--programs] FILE [ARGS]');
  process.exit(2);
}

const node = orExplain(() => {
  setup({ programs });
  return findNode();
});
const child = spawn(node, [join(root, file), ...rest], { stdio: 'inherit', env: childEnvironment() });
for (const signal of ['SIGTERM', 'SIGHUP', 'SIGINT']) {
  process.on(signal, () => {
    if (signal !== 'SIGINT' || !process.stdin.isTTY) child.kill(signal);
  });
}
child.on('error', (error) => {
  console.error(`${node} could not be started: ${error.message}`);
  process.exit(1);
});
child.on('exit', (code, signal) => process.exit(code ?? (signal === 'SIGINT' ? 130 : 143)));
