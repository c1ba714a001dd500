import { it } from 'vitest';
import { startHttpServices } from '../support/http-service.ts';
import { until } from '../support/poll.ts';
import { freePort } from '../support/port.ts';
import { SteadyTraffic } from '../support/steady-traffic.ts';
import { isServing, pathOf, System } from '../support/system.ts';
it('x', async () => {
  const listen = await freePort();
  const S = 'inventory_service';
  const system = await System.start({ services: `  ${S}:
    path: ${pathOf(S)}
    listen: "127.0.0.1:${listen}"
    check: { http: GET /health, interval: 2s, rise: 2, fall: 3 }
    timeouts: { queue: 1s, server: 3s }
    allow: { loopback: true }` });
  const [one, two] = await startHttpServices(2) as any;
  const times: number[] = [];
  let last = 0, t0 = performance.now();
  const iv = setInterval(() => { if (one.healthChecks !== last) { last = one.healthChecks; times.push(Math.round(performance.now() - t0)); } }, 5);
  await system.register(S, `127.0.0.1:${one.port}`); await system.register(S, `127.0.0.1:${two.port}`);
  await system.serving(S, [`127.0.0.1:${one.port}`, `127.0.0.1:${two.port}`]);
  const requests = new SteadyTraffic({ port: listen });
  await until('x', () => one.requests > 20);
  console.log('before', times);
  times.length = 0; t0 = performance.now();
  one.behaviour = 'hang';
  await until('down', async () => { const s = (await system.servers(S)).get(`127.0.0.1:${one.port}`); return s !== undefined && !isServing(s); }, { timeoutMs: 15000, everyMs: 50 });
  console.log('down', performance.now() - t0, times, await system.haproxy.cli('show servers state'), await system.haproxy.cli('show stat'));
  console.log(await (await import('node:fs/promises')).readFile(system.places.managed + '/service-inventory_service.cfg', 'utf8'));
  console.log(JSON.stringify(await system.proxyEvents('patching')), JSON.stringify(await system.proxyEvents('reloading')));
  clearInterval(iv);
  await requests.stop();
  await system.stop();
}, 60000);
