/** pointsman as an operator sets it up: HAProxy with a base file and the managed folder, one process with every role. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { configFromText } from '../../shared/config/load-config.ts';
import { must } from '../../shared/errors.ts';
import { managedFiles } from '../../shared/haproxy/render-managed.ts';
import { tempFolder } from '../../test/support/folder.ts';
import { TestHaproxy } from '../../test/support/haproxy.ts';
import { freePort } from '../../test/support/port.ts';
import { Program } from '../program.ts';
import type { Mark } from '../trace.ts';
import type { World } from '../world.ts';
import { hasServers } from './settled.ts';
import type { Recipe, Variant } from './variant.ts';

const SERVICE = 'inventory';

export interface Trace {
  readonly marks: readonly Mark[];
  /** ms of CPU since the process's start. */
  readonly cpu: number;
  /** Sent to Redis since then. */
  readonly commands: number;
}

export interface PointsmanVariant extends Variant {
  readonly haproxy: TestHaproxy;
  /** What was traced since the last call. */
  trace(): Promise<Trace>;
  /** Gives the service another queue timeout, which HAProxy has to be reloaded for. */
  changeOptions(queueMs: number): Promise<void>;
}

export async function startPointsman(
  world: World,
  recipe: Recipe,
  options: { label?: string; trace?: boolean } = {},
): Promise<PointsmanVariant> {
  const label = `${recipe.name}-${options.label ?? 'pointsman'}`;
  const path = `/bench/${recipe.name}/${options.label ?? 'pointsman'}`;
  const port = await freePort();
  const folder = await tempFolder();
  const managed = join(folder.path, 'pointsman.d');
  await world.tree.ensure(path);
  const haproxy = await TestHaproxy.prepare({ sections: '', argv: ['-f', managed] });
  const file = join(folder.path, 'pointsman.yaml');
  const text = (queueMs: number): string => configText({ world, haproxy, managed, label, path, port, recipe, queueMs });
  await writeFile(file, text(1_000));
  await mkdir(managed);
  const config = configFromText(text(1_000), file);
  const proxy = must(config.proxies[0], 'the proxy');
  const files = managedFiles({
    prefix: config.redis.prefix,
    proxy,
    services: config.services.map((service) => ({ config: service, servers: [] })),
  });
  for (const [name, content] of files) await writeFile(join(managed, name), content);
  await haproxy.run();
  const program = await Program.start(
    'pointsman',
    { config: file, trace: options.trace ?? false },
    join(world.folder.path, `${label}.log`),
  );
  return {
    name: 'pointsman',
    path,
    port,
    haproxy,
    settled: (servers) => hasServers(haproxy, SERVICE, servers),
    trace: async () => {
      const { marks, cpu, commands } = await program.ask({ type: 'trace' }, 'trace');
      return { marks: marks as Mark[], cpu: cpu as number, commands: commands as number };
    },
    changeOptions: async (queueMs) => {
      await writeFile(file, text(queueMs));
      await program.ask({ type: 'reconfigure' }, 'reconfigured');
    },
    stop: async () => {
      await program.stop();
      await haproxy.stop();
      await folder.remove();
    },
  };
}

/**
 * `maxLoss: 1`: of two instances one comes and goes all the time, which the guard would rightly hold. Instances on loopback have to be allowed.
 * Everything else is as it comes.
 */
function configText(given: {
  world: World;
  haproxy: TestHaproxy;
  managed: string;
  label: string;
  path: string;
  port: number;
  recipe: Recipe;
  queueMs: number;
}): string {
  const { world, haproxy } = given;
  return `zookeeper: { connect: "${world.zookeeper.connect}", root: "/pointsman-${given.label}" }
redis: { url: "${world.redis.url}", prefix: "bench-${given.label}" }
proxies:
  edge:
    runtime: "unix:${haproxy.runtime.path}"
    master: "unix:${haproxy.master.path}"
    base: ${haproxy.configFile}
    managed: ${given.managed}
services:
  ${SERVICE}:
    path: ${given.path}
    listen: "127.0.0.1:${given.port}"
    check: ${given.recipe.yaml}
    timeouts: { queue: ${given.queueMs}ms }
    guard: { maxLoss: 1 }
    allow: { loopback: true }
log: { level: warn }
`;
}
