import { writeFileSync } from 'node:fs';
import { World } from './world.ts';
import { startPointsman } from './variants/pointsman.ts';
import { WITHOUT_CHECKS } from './variants/variant.ts';
import { measureAdd, measureRemove } from './measure.ts';
import { gap } from './latency.ts';
const world = await World.start();
const v = await startPointsman(world, WITHOUT_CHECKS, { label: 'w' });
const hand = { tree: world.tree, everyMs: 1 };
await world.tree.create(`${v.path}/${world.steady}`, '', 'ephemeral');
const w: any[] = [];
for (let i = -10; i < 60; i++) { const b = world.nextPort(); await v.settled(1); await gap(); const a = await measureAdd(hand, v, b); await gap(); const r = await measureRemove(hand, v, b); if (i >= 0) w.push([a.from, a.from + a.moved, 'add'], [r.from, r.from + r.moved, 'remove']); }
writeFileSync('/tmp/windows.json', JSON.stringify(w));
await v.stop(); await world.stop(); process.exit(0);
