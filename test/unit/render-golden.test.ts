/**
 * The managed files as a reader will meet them, compared byte for byte with test/golden. After an intended change:
 * `npx vitest run test/unit/render-golden.test.ts -u`, and read the difference before it is committed.
 */
import { execFile } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { managedFiles } from '../../shared/haproxy/render-managed.ts';
import { proxyConfig, renderedServer, serviceConfig } from '../support/render-input.ts';

const GOLDEN = join(import.meta.dirname, '..', 'golden');

const inventory = {
  config: serviceConfig({
    name: 'inventory_service',
    listen: '127.0.0.1:3210',
    check: { type: 'http', method: 'GET', path: '/health', interval: 2_000, rise: 2, fall: 3 },
    timeouts: { connect: null, client: null, server: null, check: null, queue: 1_000 },
  }),
  servers: [renderedServer(2, '10.0.0.6', { up: true }), renderedServer(1, '10.0.0.5', { up: true, weight: 10 })],
};
const orders = {
  config: serviceConfig({
    name: 'orders.v2',
    mode: 'tcp',
    balance: 'leastconn',
    check: { type: 'tcp', interval: 1_500, rise: 1, fall: 2 },
    timeouts: { connect: 250, client: 120_000, server: 120_000, check: 300, queue: null },
    server: { maxConn: 200 },
  }),
  servers: [
    renderedServer(7, '2001:db8::7', { up: true }),
    renderedServer(9, '2001:db8::9', { up: false }),
    renderedServer(8, '2001:db8::8', { up: true, draining: true }),
  ],
};
const cache = {
  config: serviceConfig({ name: 'cache-front', balance: 'uri path-only', listen: '[::1]:3211', check: { type: 'none' } }),
  servers: [renderedServer(1_000_000, '10.0.0.5', { up: true, weight: 0 })],
};
const search = {
  config: serviceConfig({ name: 'search', listen: '127.0.0.1:3213', server: { maxConn: 200, options: ['backup', 'maxconn'] } }),
  servers: [
    renderedServer(1, '10.0.0.5', {}),
    renderedServer(2, '10.0.0.6', { maxConn: 50 }),
    renderedServer(3, '10.0.0.7', { maxConn: 50, backup: true, up: false }),
  ],
};

const folders = {
  managed: managedFiles({ prefix: 'pointsman', proxy: proxyConfig({}), services: [orders, inventory, cache, search] }),
  started: managedFiles({
    prefix: 'pointsman',
    proxy: proxyConfig({ start: true, base: null, runtime: { kind: 'unix', path: '/run/pointsman/runtime.sock' } }),
    services: [{ config: { ...orders.config, listen: '*:3212' }, servers: [] }],
  }),
};

for (const [folder, files] of Object.entries(folders)) {
  describe(`test/golden/${folder}`, () => {
    for (const [name, content] of files) {
      it(name, async () => {
        await expect(content).toMatchFileSnapshot(join(GOLDEN, folder, name));
      });
    }

    it('has no other file', async () => {
      expect((await readdir(join(GOLDEN, folder))).sort()).toEqual([...files.keys()]);
    });

    it('is valid to haproxy -c, without a warning', async () => {
      const base = folder === 'managed' ? ['-f', join(GOLDEN, 'base.cfg')] : [];
      await promisify(execFile)('haproxy', ['-dW', '-c', ...base, '-f', join(GOLDEN, folder)]);
    });
  });
}
