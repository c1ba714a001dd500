import { readFileSync } from 'node:fs';
import { World } from './world.ts';
import { startPointsman } from './variants/pointsman.ts';
import { WITH_CHECKS } from './variants/variant.ts';
const world = await World.start();
for (let i = 0; i < 30; i++) {
  const t = performance.now();
  try { const v = await startPointsman(world, WITH_CHECKS, { label: `t${i}` });
  await world.tree.create(`${v.path}/${world.steady}`, '', 'ephemeral');
   await v.settled(1); console.log(i, 'ok', Math.round(performance.now() - t));  await v.stop(); }
  catch (e) { console.log(i, String(e)); console.log(readFileSync(`${world.folder.path}/checked-t${i}.log`, 'utf8').slice(-800)); }
}
await world.stop(); process.exit(0);
