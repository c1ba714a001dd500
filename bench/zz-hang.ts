import { startRedis } from '../test/support/redis.ts';
import { Queues } from '../shared/redis/queues.ts';
import { createLogger } from '../shared/observability/logger.ts';
const redis = await startRedis({});
let hung = 0;
for (let i = 0; i < 60; i++) {
  const q = new Queues({ url: redis.url, prefix: `p${i}` }, createLogger({ level: 'debug' }));
  // sometimes some synchronous work right after, as loading modules is
  const p = Promise.all([q.wakeService('a', { why: 'x', time: 1 }), q.wakeProxy('pool', 'edge', { why: 'x', time: 1 })]);
  const e = performance.now() + (i % 4) * 40; while (performance.now() < e);
  const r = await Promise.race([p.then(() => 'ok', (x) => String(x)), new Promise(r => setTimeout(() => r('HUNG'), 3000))]);
  if (r !== 'ok') { hung++; console.log(i, r, (q.queue('services') as any).connection?.status, JSON.stringify(Object.keys((q.queue('services') as any).connection ?? {}))); }
  await Promise.race([q.close(), new Promise(r => setTimeout(r, 500))]);
}
console.log('hung', hung); await redis.stop(); process.exit(0);
