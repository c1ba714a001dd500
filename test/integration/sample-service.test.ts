/** The sample service of docker-compose.yml: answers, is registered while it lives, and takes its registration away before it stops answering. */
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { tempFolder } from '../support/folder.ts';
import { plainClient } from '../support/plain-client.ts';
import { until } from '../support/poll.ts';
import { freePort } from '../support/port.ts';
import { startProcess } from '../support/process.ts';
import { root } from '../support/tree.ts';
import { startZookeeper } from '../support/zookeeper.ts';

const PATH = '/services/inventory/instances';

describe('deploy/sample/service.ts', () => {
  it('is registered from its first answer to its last', async () => {
    const folder = await tempFolder();
    await using zookeeper = await startZookeeper();
    const client = await plainClient(zookeeper.connect);
    const port = await freePort();
    const sample = await startProcess(process.execPath, [join(root, 'deploy/sample/service.ts')], {
      env: { ZOOKEEPER: zookeeper.connect, SERVICE_PATH: PATH, NAME: 'inventory', PORT: String(port), ADDRESS: '127.0.0.1' },
      logFile: join(folder.path, 'sample.log'),
    });
    try {
      const registered = async (): Promise<string[]> => ((await client.exists(PATH)) ? client.children(PATH) : []);
      await until('its registration', async () => (await registered()).includes(`127.0.0.1:${port}`));
      expect(await answer(port, '/')).toBe(`inventory at 127.0.0.1:${port}\n`);
      expect(await answer(port, '/health')).toBe('ok\n');

      sample.kill('SIGTERM');
      await until('its registration to go', async () => (await registered()).length === 0);
      expect(await answer(port, '/'), 'it still answers').toBe(`inventory at 127.0.0.1:${port}\n`);
      expect(await sample.exited).toEqual({ code: 0, signal: null });
    } finally {
      await sample.stop();
      await client.close();
      await folder.remove();
    }
  });
});

async function answer(port: number, path: string): Promise<string> {
  return (await fetch(`http://127.0.0.1:${port}${path}`)).text();
}
