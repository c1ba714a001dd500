/**
 * What is rendered from each config of examples/ and from that of the containers, with servers, is valid to `haproxy -c` without a warning.
 * The same of the golden files is in test/unit/render-golden.test.ts.
 */
import { execFile } from 'node:child_process';
import { globSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { loadConfig } from '../../shared/config/load-config.ts';
import { managedFiles } from '../../shared/haproxy/render-managed.ts';
import { cleanupsAfterEach } from '../support/cleanups.ts';
import { tempFolder } from '../support/folder.ts';
import { renderedServer } from '../support/render-input.ts';
import { root } from '../support/tree.ts';

const cleanups = cleanupsAfterEach();
const EXAMPLES = globSync('examples/*.yaml', { cwd: root }).sort();
const CASES = [
  ...EXAMPLES.map((config) => ({ config, base: [] })),
  { config: 'deploy/pointsman.yaml', base: ['-f', 'deploy/haproxy.cfg'] },
];

it('there are examples', () => expect(EXAMPLES).toContain('examples/inventory.yaml'));

it.each(CASES)('$config', async ({ config: example, base }) => {
  const { proxies, services, redis } = await loadConfig(join(root, example));
  expect(proxies.length).toBeGreaterThan(0);
  const servers = [renderedServer(1, '10.0.0.5', { up: true }), renderedServer(2, '2001:db8::5', { up: false })];
  for (const proxy of proxies) {
    const folder = await tempFolder();
    cleanups.push(() => folder.remove());
    const files = managedFiles({ prefix: redis.prefix, proxy, services: services.map((config) => ({ config, servers })) });
    for (const [name, text] of files) await writeFile(join(folder.path, name), text);
    await promisify(execFile)('haproxy', ['-dW', '-c', ...base, '-f', folder.path], { cwd: root });
  }
});
