/** The yardsticks that the bench brings along: a bare script on the runtime socket, and the article's rewriting and reloading. */
import { join } from 'node:path';
import { tempFolder } from '../../test/support/folder.ts';
import { TestHaproxy } from '../../test/support/haproxy.ts';
import { freePort } from '../../test/support/port.ts';
import { Program } from '../program.ts';
import type { World } from '../world.ts';
import { admission, BACKEND, sections, words } from './sections.ts';
import { hasServers } from './settled.ts';
import type { Recipe, Variant } from './variant.ts';

export async function startBare(world: World, recipe: Recipe): Promise<Variant> {
  const path = `/bench/${recipe.name}/bare`;
  const port = await freePort();
  await world.tree.ensure(path);
  const haproxy = await TestHaproxy.start({ sections: sections(port, recipe) });
  const settings = {
    zookeeper: world.zookeeper.connect,
    path,
    socket: haproxy.runtime.path,
    backend: BACKEND,
    words: words(recipe),
    admission: admission(recipe),
  };
  const program = await Program.start('bare', settings, join(world.folder.path, `bare-${recipe.name}.log`));
  return {
    name: 'bare',
    path,
    port,
    settled: (servers) => hasServers(haproxy, BACKEND, servers),
    stop: async () => {
      await program.stop();
      await haproxy.stop();
    },
  };
}

export async function startReload(world: World, recipe: Recipe): Promise<Variant> {
  const path = `/bench/${recipe.name}/reload`;
  const port = await freePort();
  const folder = await tempFolder();
  const socket = join(folder.path, 'admin.sock');
  await world.tree.ensure(path);
  const head = `global
    stats socket ${socket} mode 600 level admin expose-fd listeners
    hard-stop-after 30s

${sections(port, recipe)}`;
  const settings = {
    zookeeper: world.zookeeper.connect,
    path,
    haproxy: 'haproxy',
    config: join(folder.path, 'haproxy.cfg'),
    pidFile: join(folder.path, 'haproxy.pid'),
    socket,
    head,
    words: words(recipe),
  };
  const program = await Program.start('reload', settings, join(world.folder.path, `reload-${recipe.name}.log`));
  return {
    name: 'reload',
    path,
    port,
    // A reload that was seen at the port leaves nothing but the end of the old process.
    settled: async () => undefined,
    stop: async () => {
      await program.stop();
      await folder.remove();
    },
  };
}
