/**
 * The registrar: what 500 local services with a check a second cost, how long after a failing check the znode is gone (and after a good one, there), beside a
 * bare script, and how long the whole way is from that check to the traffic at a HAProxy.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pause } from '../shared/runtime/wait.ts';
import { until } from '../test/support/poll.ts';
import { clock } from './clock.ts';
import type { Endings } from './endings.ts';
import { gap } from './latency.ts';
import { measureAdd, measureRemove } from './measure.ts';
import { processCost } from './process-cost.ts';
import { Program } from './program.ts';
import { round, rounded, type Target, target } from './results.ts';
import { type Summary, summary } from './statistics.ts';
import { ToggledService } from './toggled-service.ts';
import { startPointsman } from './variants/pointsman.ts';
import { isAnswered } from './variants/settled.ts';
import { WITHOUT_CHECKS } from './variants/variant.ts';
import { World } from './world.ts';

const ENTRIES = 500;
/** The registrar's least. */
const CHECK_MS = 100;
/** That fall ill and recover in turn. */
const SERVICES = 64;
const WATCHED_MS = 20_000;
const WARM_UP = 5;
const WITHIN_MS = 30_000;
/** The script writes at once; the registrar looks first at what is there, which is one call to Zookeeper more. */
const MOST_OF_BARE = 3;

export interface RegistrarFound {
  readonly crowd: { readonly entries: number; readonly everyMs: number; readonly cores: number; readonly megabytes: number };
  /** ms after the check that said so. */
  readonly gone: Readonly<Record<'pointsman' | 'bare', Summary>>;
  readonly there: Readonly<Record<'pointsman' | 'bare', Summary>>;
  readonly traffic: { readonly add: Summary; readonly remove: Summary; readonly failed: number };
  readonly targets: readonly Target[];
}

type Side = keyof RegistrarFound['gone'];

export async function measureRegistrar(
  endings: Endings,
  options: { readonly rounds: number; readonly everyMs: number },
  progress: (text: string) => void,
): Promise<RegistrarFound> {
  const world = endings.add(await World.start());
  progress(`the registrar: ${ENTRIES} entries for ${WATCHED_MS / 1000} s`);
  const crowd = await measureCrowd(world);
  const { gone, there } = await measureZnodes(endings, world, options.rounds, progress);
  const traffic = await measureTraffic(endings, world, options, progress);
  const ratio = (of: Readonly<Record<Side, Summary>>): number => round(of.pointsman.p50 / of.bare.p50);
  return {
    crowd,
    gone,
    there,
    traffic,
    targets: [
      target('a failing check to the znode gone: p50, to the bare script', ratio(gone), MOST_OF_BARE),
      target('a good check to the znode there: p50, to the bare script', ratio(there), MOST_OF_BARE),
      target('requests of the poller that failed', traffic.failed, 0),
    ],
  };
}

async function measureCrowd(world: World): Promise<RegistrarFound['crowd']> {
  const everyMs = 1_000;
  const path = '/bench/registrar/crowd';
  // Every instance has a health check of its own; a few ports stand for them all, by the addresses of the loopback network.
  const [, port] = world.ports;
  const entries = Array.from({ length: ENTRIES }, (_, index) => {
    const address = `127.1.${index >> 8}.${index & 255}:${port}`;
    return `  - { service: crowd, path: ${path}, address: "${address}", drain: 0ms, check: { http: GET /health, address: 127.0.0.1, interval: ${everyMs}ms } }`;
  });
  const program = await startRegistrar(world, 'crowd', entries);
  try {
    await until('all of them', async () => (await world.tree.children(path).catch(() => [])).length === ENTRIES, { timeoutMs: WITHIN_MS });
    const before = await processCost(program.pid);
    await pause(WATCHED_MS);
    const after = await processCost(program.pid);
    const cores = (after.cpuMs - before.cpuMs) / (after.at - before.at);
    return { entries: ENTRIES, everyMs, cores: Math.round(cores * 1000) / 1000, megabytes: Math.round(after.megabytes) };
  } finally {
    await program.stop();
  }
}

async function measureZnodes(
  endings: Endings,
  world: World,
  rounds: number,
  progress: (text: string) => void,
): Promise<Pick<RegistrarFound, 'gone' | 'there'>> {
  const sides: Record<Side, { service: ToggledService; path: string; gone: number[]; there: number[] }> = {
    pointsman: { service: endings.add(await ToggledService.start()), path: '/bench/registrar/pointsman', gone: [], there: [] },
    bare: { service: endings.add(await ToggledService.start()), path: '/bench/registrar/bare', gone: [], there: [] },
  };
  for (const { path } of Object.values(sides)) await world.tree.ensure(path);
  endings.add(await startRegistrar(world, 'one', [entry(sides.pointsman.path, sides.pointsman.service.port)]));
  const { service, path } = sides.bare;
  const settings = { zookeeper: world.zookeeper.connect, path, port: service.port, everyMs: CHECK_MS };
  endings.add(await Program.start('bare-registrar', settings, join(world.folder.path, 'bare-registrar.log')));
  for (const side of Object.values(sides)) await turned(world, side, true);
  for (let turn = -WARM_UP; turn < rounds; turn += 1) {
    progress(`the registrar: znode ${turn + 1} of ${rounds}`);
    const order = turn % 2 === 0 ? Object.values(sides) : Object.values(sides).reverse();
    for (const well of [false, true]) {
      for (const side of order) {
        await gap();
        const from = await side.service.turn(well);
        const ms = (await turned(world, side, well)) - from;
        if (turn >= 0) side[well ? 'there' : 'gone'].push(ms);
      }
    }
  }
  const of = (which: 'gone' | 'there') => ({
    pointsman: rounded(summary(sides.pointsman[which])),
    bare: rounded(summary(sides.bare[which])),
  });
  return { gone: of('gone'), there: of('there') };
}

/** When the znode was first seen to be so; one question after the other. */
async function turned(world: World, side: { service: ToggledService; path: string }, there: boolean): Promise<number> {
  const znode = `${side.path}/127.0.0.1:${side.service.port}`;
  const late = clock() + WITHIN_MS;
  while ((await world.tree.exists(znode)) !== there) {
    if (clock() > late) throw new Error(`${znode} did not ${there ? 'come' : 'go'} within ${WITHIN_MS} ms`);
  }
  return clock();
}

/** Both halves together: the registrar on one side, everything else of pointsman on the other. */
async function measureTraffic(
  endings: Endings,
  world: World,
  { rounds, everyMs }: { readonly rounds: number; readonly everyMs: number },
  progress: (text: string) => void,
): Promise<RegistrarFound['traffic']> {
  const variant = endings.add(await startPointsman(world, WITHOUT_CHECKS, { label: 'registered' }));
  // Several take turns: whoever comes back too often would rightly be put in quarantine.
  const services: ToggledService[] = [];
  for (let index = 0; index < SERVICES; index += 1) services.push(endings.add(await ToggledService.start()));
  await world.tree.create(`${variant.path}/${world.steady}`, '', 'ephemeral');
  await isAnswered(variant.port);
  const toIll = await Promise.all([
    ...services.map((service) => service.turn(false)),
    startRegistrar(
      world,
      'chain',
      services.map(({ port }) => entry(variant.path, port)),
    ).then((program) => endings.add(program)),
  ]);
  if (toIll.length === 0) throw new Error('no services');
  const found = { add: [] as number[], remove: [] as number[], failed: 0 };
  for (let turn = -WARM_UP; turn < rounds; turn += 1) {
    progress(`from a check to the traffic: ${turn + 1} of ${rounds}`);
    const service = services[(turn + WARM_UP) % services.length] as ToggledService;
    let from = 0;
    const turning = (well: boolean) => async (path: string) => {
      from = await service.turn(well);
      return path;
    };
    const hand = { tree: { create: turning(true), remove: async (path: string) => void (await turning(false)(path)) }, everyMs };
    await variant.settled(1);
    await gap();
    const add = await measureAdd(hand, variant, service.port);
    const added = add.from + add.moved - from;
    await gap();
    const remove = await measureRemove(hand, variant, service.port);
    if (turn < 0) continue;
    found.add.push(added);
    found.remove.push(remove.from + remove.moved - from);
    found.failed += add.failed + remove.failed;
  }
  return { add: rounded(summary(found.add)), remove: rounded(summary(found.remove)), failed: found.failed };
}

function entry(path: string, port: number): string {
  return `  - { service: one, path: ${path}, address: "127.0.0.1:${port}", drain: 0ms, check: { http: GET /health, interval: ${CHECK_MS}ms, rise: 1, fall: 1 } }`;
}

async function startRegistrar(world: World, name: string, entries: readonly string[]): Promise<Program> {
  const config = join(world.folder.path, `${name}.yaml`);
  await writeFile(
    config,
    `zookeeper: { connect: "${world.zookeeper.connect}" }
redis: { url: "redis://127.0.0.1:1/0" }
registrar: { state: ${world.folder.path} }
log: { level: warn }
register:
${entries.join('\n')}
`,
  );
  return Program.start('registrar', { config }, join(world.folder.path, `${name}.log`));
}
