import { readFileSync } from 'node:fs';
import { World } from './world.ts';
import { startPointsman } from './variants/pointsman.ts';
import { WITH_CHECKS } from './variants/variant.ts';
const world = await World.start();
for (let i = 0; i < 8; i++) {
  const v = await startPointsman(world, WITH_CHECKS, { label: `t${i}` });
  const t = performance.now();
  await world.tree.create(`${v.path}/${world.steady}`, '', 'ephemeral');
  try { await v.settled(1); console.log(i, 'ok', Math.round(performance.now() - t)); }
  catch (e) { console.log(i, String(e)); console.log(readFileSync(`${world.folder.path}/checked-t${i}.log`, 'utf8'));
    const k = await world.redis.client.keys(`*bench-checked-t${i}*`); console.log(k.join('\n'));
    for (const key of k) { const ty = await world.redis.client.type(key); if (ty === 'hash') console.log(key, JSON.stringify(await world.redis.client.hgetall(key))); if (ty === 'stream') console.log(key, JSON.stringify(await world.redis.client.xrange(key, '-', '+'))); } }
  await v.stop();
}
await world.stop(); process.exit(0);
