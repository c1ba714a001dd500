import { World } from './world.ts';
import { startPointsman } from './variants/pointsman.ts';
import { WITHOUT_CHECKS } from './variants/variant.ts';
import { measureAdd, measureRemove } from './measure.ts';
import { summary } from './statistics.ts';
import { timeline } from './timeline.ts';
const world = await World.start();
const v = await startPointsman(world, WITHOUT_CHECKS, { trace: true });
try {
  await world.tree.create(`${v.path}/${world.steady}`, '', 'ephemeral');
  await new Promise(r => setTimeout(r, 2000));
  const out: any = { add: [], del: [] };
  const last: any = {};
  for (let i = 0; i < 40; i++) {
      const b = world.nextPort();
      await v.marks();
      await v.settled(1); await new Promise(r => setTimeout(r, 100)); const a = await measureAdd(world.tree, v, b);
      await new Promise(r => setTimeout(r, 150));
      const am = await v.marks();
      const d = await measureRemove(world.tree, v, b);
      await new Promise(r => setTimeout(r, 150));
      const dm = await v.marks();
      if (i >= 10) { out.add.push({ ...a, marks: am }); out.del.push({ ...d, marks: dm }); }
  }
  for (const k of ['add', 'del']) {
    console.log(`\n${k}: moved`, JSON.stringify(summary(out[k].map((c: any) => c.moved))), 'create returned', JSON.stringify(summary(out[k].map((c: any) => c.answered))));
    console.log('   start     end    took  n');
    for (const s of timeline(out[k])) console.log(`${s.starts.toFixed(2).padStart(8)}${s.ends.toFixed(2).padStart(8)}${s.took.toFixed(2).padStart(8)} ${String(s.n).padStart(3)}  ${s.name}`);
  }
} catch (e) { console.error(e); }
await v.stop(); await world.stop(); process.exit(0);
