/** A service's events as watchers and observers would append them: random, from a seed, and folded by the production code as they come. */
import type { ServiceEvent } from '../../shared/model/event.ts';
import type { ServiceConfig } from '../../shared/model/service-config.ts';
import type { Ports } from '../../workers/app.ts';
import { foldService } from '../../workers/transition/fold-service.ts';
import { registration, serviceConfig } from './service-events.ts';

const PORTS = 12;

/** Appends `count` events in parts, and folds after each part; the clock of deadlines runs ahead by itself. */
export async function runService(ports: Ports, service: string, count: number, seed: number): Promise<void> {
  const random = randomFrom(seed);
  const below = (most: number): number => Math.floor(random() * most);
  let zxid = 0;
  const standing = new Map<string, { name: string; czxid: string; mzxid: string; version: number }>();
  const configured = (drain: number, loss: number): ServiceConfig =>
    serviceConfig({
      name: service,
      drainTimeout: [0, 1_000, 60_000][drain] ?? 0,
      guard: { maxLoss: [1, 0.5, 0.2][loss] ?? 1, window: 100, hold: 2_000 },
    });
  const event = (): ServiceEvent => {
    const port = 80 + below(PORTS);
    const instance = `10.0.0.1:${port}`;
    const kind = below(20);
    zxid += 1;
    if (kind < 9) {
      const znode = { name: kind === 0 ? `twin-${port}` : instance, czxid: String(zxid), mzxid: String(zxid), version: 0 };
      standing.set(znode.name, znode);
      return { type: 'registered', instance, znode, said: { registration: registration(port, { weight: below(9) }) } };
    }
    if (kind === 9) {
      const znode = { name: `h${port}:${port}`, czxid: String(zxid), mzxid: String(zxid), version: 0 };
      standing.set(znode.name, znode);
      return { type: 'registered', instance: `h${port}:${port}`, znode, said: { registration: registration(port, { host: `h${port}` }) } };
    }
    if (kind < 16) {
      const names = [...standing.keys()];
      const name = names[below(names.length)] ?? instance;
      const znode = standing.get(name) ?? { name, czxid: '0', mzxid: '0', version: 0 };
      standing.delete(name);
      return { type: 'deregistered', instance: name.startsWith('twin-') ? `10.0.0.1:${name.slice(5)}` : name, znode };
    }
    if (kind < 19) return { type: 'health', proxy: 'edge', verdicts: [{ instance, from: below(2) === 0 ? 'absent' : 'down', to: 'up' }] };
    return { type: 'configured', config: configured(below(3), below(3)) };
  };
  const first: ServiceEvent[] = [{ type: 'configured', config: configured(2, 0) }, { type: 'complete' }];
  for (let told = 0; told < count; ) {
    const part = told === 0 ? first : Array.from({ length: Math.min(count - told, 1 + below(60)) }, event);
    const { revision } = await ports.log.readView(service);
    await ports.log.append(service, { epoch: 1, viewRevision: revision, set: new Map(), remove: [], events: part });
    // Deadlines of up to a minute come due now and then.
    await foldService(ports, service, Date.now() + below(3) * 30_000);
    told += part.length;
  }
  while ((await foldService(ports, service, Date.now())).events > 0);
}

/** A small generator of its own (mulberry32), so that a seed gives the same run everywhere. */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
