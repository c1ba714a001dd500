import { World } from './world.ts';
import { startPointsman } from './variants/pointsman.ts';
import { startBare, startReload } from './variants/yardsticks.ts';
import { WITHOUT_CHECKS } from './variants/variant.ts';
import { measureAdd, measureRemove } from './measure.ts';
import { summary } from './statistics.ts';
const world = await World.start();
const stops: (() => Promise<void>)[] = [];
try {
  const variants = [];
  for (const start of [startPointsman, startBare, startReload]) { const v = await start(world, WITHOUT_CHECKS); variants.push(v); stops.push(() => v.stop()); await world.tree.create(`${v.path}/${world.steady}`, '', 'ephemeral'); }
  await new Promise(r => setTimeout(r, 2000));
  const out: any = {};
  for (let i = 0; i < 20; i++) {
    for (const v of variants) {
      const b = world.nextPort();
      await v.settled(1); await new Promise(r => setTimeout(r, 100)); const a = await measureAdd(world.tree, v, b);
      await new Promise(r => setTimeout(r, 150));
      const d = await measureRemove(world.tree, v, b);
      await new Promise(r => setTimeout(r, 150));
      if (i >= 5) { (out[v.name + ' add'] ??= []).push(a.moved); (out[v.name + ' del'] ??= []).push(d.moved); (out['zk'] ??= []).push(a.answered); }
    }
  }
  for (const k in out) console.log(k, JSON.stringify(summary(out[k])));
} catch (e) { console.error(e); await import('node:child_process').then(c => console.log(c.execSync(`tail -n 20 ${world.folder.path}/*.log`).toString())); }
for (const s of stops) await s();
await world.stop();
process.exit(0);
