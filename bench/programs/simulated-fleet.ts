/** Simulated runtime sockets in a process of their own, so that what is measured has its event loop for itself. It tells when a command was carried out. */
import { SimulatedHaproxy } from '../../test/support/simulated-haproxy.ts';
import { clock } from '../clock.ts';

export type FleetOrder =
  | { readonly kind: 'start'; readonly sockets: number; readonly services: readonly string[] }
  | { readonly kind: 'close' | 'open' | 'count'; readonly socket: number };
export type FleetAnswer =
  | { readonly kind: 'started'; readonly ports: readonly number[] }
  | { readonly kind: 'done'; readonly writers: number }
  | { readonly kind: 'applied'; readonly lines: readonly (readonly [socket: number, line: string, at: number])[] };

/** Commands are told in bunches: a message each would cost more than the command. */
const TELL_EVERY_MS = 50;

let applied: [number, string, number][] = [];
const fleet: { haproxy: SimulatedHaproxy; port: number }[] = [];

function say(answer: FleetAnswer): void {
  process.send?.(answer);
}

process.on('message', (order: FleetOrder) => void obey(order));
process.on('disconnect', () => process.exit());
setInterval(() => {
  if (applied.length > 0) say({ kind: 'applied', lines: applied });
  applied = [];
}, TELL_EVERY_MS);

async function obey(order: FleetOrder): Promise<void> {
  if (order.kind === 'start') {
    for (let index = 0; index < order.sockets; index += 1) {
      const haproxy = new SimulatedHaproxy(order.services, process.pid, (line) => applied.push([index, line, clock()]));
      fleet.push({ haproxy, port: await haproxy.listen() });
    }
    say({ kind: 'started', ports: fleet.map(({ port }) => port) });
    return;
  }
  const one = fleet[order.socket];
  if (order.kind === 'close') await one?.haproxy.close();
  if (order.kind === 'open') await one?.haproxy.listen(one.port);
  say({ kind: 'done', writers: one?.haproxy.writers ?? 0 });
}
