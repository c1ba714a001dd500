/**
 * How long a service that nobody has heard of takes until it answers: from the creation of its znodes below a `discover` root to the first 200 through the
 * shared frontend, one after the other, and the reloads meanwhile. Needs a HAProxy that makes backends at runtime: `HAPROXY=/path/to/haproxy`, 3.4 or later.
 */
import { access, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pause } from '../shared/runtime/wait.ts';
import { tempFolder } from '../test/support/folder.ts';
import { TestHaproxy } from '../test/support/haproxy.ts';
import { versionOf } from '../test/support/haproxy-versions.ts';
import { asked } from '../test/support/host-request.ts';
import { until } from '../test/support/poll.ts';
import { freePort } from '../test/support/port.ts';
import { clock } from './clock.ts';
import type { Endings } from './endings.ts';
import { Program } from './program.ts';
import { rounded, type Target, target } from './results.ts';
import { type Summary, summary } from './statistics.ts';
import { World } from './world.ts';

/** The version that makes backends at runtime. */
const HAPROXY_LEAST = [3, 4] as const;
/** Services that are not counted: the first ones load code. */
const WARM_UP = 5;
const SERVICES_LEAST = 30;
const EVERY_MS = 1;
/** Between two services, in the middle: what the last one left behind is done by then. */
const GAP_MS = 200;
const ANSWERS_WITHIN_MS = 20_000;
const P50_MOST_MS = 100;

export interface NewServiceFound {
  /** From the call to Zookeeper to the answer. */
  readonly ms: Summary;
  readonly reloads: number;
  readonly targets: readonly Target[];
}

/** Why it cannot be measured here; null: it can. */
export function newServiceNeeds(): string | null {
  const version = versionOf('haproxy');
  const [major = 0, minor = 0] = (version ?? '0.0').split('.').map(Number);
  const [least, minorLeast] = HAPROXY_LEAST;
  if (major > least || (major === least && minor >= minorLeast)) return null;
  return `new-service needs HAProxy ${HAPROXY_LEAST.join('.')} or later, and this is ${version ?? 'none'}: HAPROXY=/path/to/haproxy npm run bench -- --only new-service`;
}

export async function measureNewService(
  endings: Endings,
  { rounds }: { readonly rounds: number },
  progress: (text: string) => void,
): Promise<NewServiceFound> {
  const services = Math.max(rounds, SERVICES_LEAST);
  const world = endings.add(await World.start());
  const folder = await tempFolder();
  endings.add({ stop: () => folder.remove() });
  const managed = join(folder.path, 'pointsman.d');
  const port = await freePort();
  const haproxy = endings.add(await TestHaproxy.prepare({ sections: '', argv: ['-f', managed] }));
  await world.tree.ensure('/services');
  const config = join(folder.path, 'pointsman.yaml');
  await writeFile(
    config,
    `zookeeper: { connect: "${world.zookeeper.connect}" }
redis: { url: "${world.redis.url}" }
proxies:
  edge:
    runtime: "unix:${haproxy.runtime.path}"
    master: "unix:${haproxy.master.path}"
    base: ${haproxy.configFile}
    managed: ${managed}
    http: { listen: "127.0.0.1:${port}" }
discover:
  - { root: /services, children: instances, host: "{service}.local", maxServices: ${services + WARM_UP}, like: { check: none, allow: { loopback: true } } }
log: { level: warn }
`,
  );
  endings.add(await Program.start('pointsman', { config, trace: false }, join(folder.path, 'pointsman.log')));
  await until('the managed files', () => access(join(managed, '00-pointsman.cfg')).then(() => true), { timeoutMs: ANSWERS_WITHIN_MS });
  await haproxy.run();
  await until('the shared frontend', async () => (await status(port, 'nobody.local')) === '404', { timeoutMs: ANSWERS_WITHIN_MS });

  const took: number[] = [];
  let before = 0;
  for (let turn = -WARM_UP; turn < services; turn += 1) {
    if (turn === 0) before = await haproxy.reloads();
    progress(`a new service: ${turn} of ${services}`);
    const name = `web-${turn + WARM_UP}`;
    const began = clock();
    await world.tree.ensure(`/services/${name}/instances`);
    await world.tree.create(`/services/${name}/instances/${world.steady}`, '', 'ephemeral');
    await until(name, async () => (await status(port, `${name}.local`)) === '200', { everyMs: EVERY_MS, timeoutMs: ANSWERS_WITHIN_MS });
    if (turn >= 0) took.push(clock() - began);
    await pause(GAP_MS * (0.5 + Math.random()));
  }
  const reloads = (await haproxy.reloads()) - before;
  const ms = rounded(summary(took));
  return {
    ms,
    reloads,
    targets: [
      target('a new service without a reload: p50 from its znodes to its first 200, ms', ms.p50, P50_MOST_MS),
      target('reloads for new services', reloads, 0),
    ],
  };
}

async function status(port: number, host: string): Promise<string> {
  const [code = ''] = (await asked(port, host)).split(' ');
  return code;
}
