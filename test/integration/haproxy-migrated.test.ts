/** What is rendered from the migrated configs of Synapse, with servers, is valid to `haproxy -c`; so are the `extra` lines that were taken over. */
import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { migrateSynapse, PROXY } from '../../cli/migrate/synapse.ts';
import { yamlText } from '../../cli/migrate/yaml-text.ts';
import { ROUTES_FILE } from '../../shared/haproxy/render-http.ts';
import { managedFiles } from '../../shared/haproxy/render-managed.ts';
import { renderRoutes, routesOf } from '../../shared/haproxy/render-routes.ts';
import { cleanupsAfterEach } from '../support/cleanups.ts';
import { configOf } from '../support/config-text.ts';
import { tempFolder } from '../support/folder.ts';
import { renderedServer } from '../support/render-input.ts';
import { read, root } from '../support/tree.ts';

const cleanups = cleanupsAfterEach();

it.each([
  ['config/two-services.json', 2],
  ['config/two-ensembles.json', 1],
  ['every-option.json', 6],
])('%s', async (name, count) => {
  const draft = migrateSynapse(JSON.parse(read(`test/fixtures/migrate/synapse/${name}`)));
  const folder = await tempFolder();
  cleanups.push(() => folder.remove());
  const text = yamlText(draft.config, name).replace(`managed: ${PROXY.managed}`, `managed: ${folder.path}`);
  const { proxies, services, redis } = configOf(text);
  expect(services.length).toBe(count);
  const servers = [renderedServer(1, '10.0.0.5', { up: true }), renderedServer(2, '2001:db8::5', { up: false })];
  for (const proxy of proxies) {
    const files = managedFiles({ prefix: redis.prefix, proxy, services: services.map((config) => ({ config, servers })) });
    files.set(ROUTES_FILE, renderRoutes(routesOf(services)));
    for (const [file, content] of files) await writeFile(join(folder.path, file), content);
  }
  // A folder without a listener does not start.
  await writeFile(join(folder.path, 'zz-listener.cfg'), 'frontend a-listener\n    bind 127.0.0.1:65000\n    timeout client 1s\n');
  await promisify(execFile)('haproxy', ['-c', '-f', folder.path], { cwd: root });
});
