/** `status` when something is dead: a watcher cut off or gone, a reconciler gone, a HAProxy never reached, a path that is not there. */
import { afterEach, expect, it } from 'vitest';
import { withPorts } from '../../cli/redis-ports.ts';
import { printReport } from '../../cli/status/print-report.ts';
import { readReport } from '../../cli/status/read-report.ts';
import type { StatusReport } from '../../cli/status/report.ts';
import { readWhy } from '../../cli/why/read-why.ts';
import { ANNOUNCE_FRESH_MS } from '../../shared/model/freshness.ts';
import { until } from '../support/poll.ts';
import { pathOf, System } from '../support/system.ts';

const SERVICES = `  web: { path: ${pathOf('web')}, check: none, allow: { loopback: true } }
  lost: { path: /services/lost/instances, check: none, allow: { loopback: true } }`;

let system: System | null = null;
afterEach(async () => {
  await system?.stop();
  system = null;
});

/** Through a connection of its own, as the command has it. `later`: ms from now. */
async function look(on: System, later = 0): Promise<{ report: StatusReport; first: string; text: string }> {
  const config = on.configWith(SERVICES);
  const report = await withPorts(config, (ports) => readReport(config, ports, null, Date.now() + later));
  const text = printReport(report, { colour: false, only: null });
  return { report, text, first: text.split('\n')[0] ?? '' };
}

it('says who waits for a path, who is cut off, and when nobody is at work any more', async () => {
  const on = await System.start({ services: SERVICES });
  system = on;
  const session = await on.register('web', '127.0.0.1:9');
  await session.register(pathOf('web'), 'no-address\u202e', '');
  await on.inSync('web');
  const waiting = await until('the path to be missed', async () => {
    const seen = await look(on);
    return seen.report.services.filter(({ waitsFor }) => waitsFor !== null).length === 1 ? seen : false;
  });
  expect(waiting.first).toMatch(/^1 service WAITS for its path · /);
  expect(waiting.text).toContain('waits for path /services/lost/instances');
  expect(waiting.report.watchers).toMatchObject([{ leader: true, live: true, connected: true, services: 2 }]);
  const of = async (msg: string): Promise<Record<string, unknown>[]> => (await on.log()).filter((line) => line.msg === msg);
  const missed = (await of('the path of the service does not exist: waiting for it')).filter(({ service }) => service === 'lost');
  expect(missed).toMatchObject([{ path: '/services/lost/instances', code: 'ZOOKEEPER_NO_NODE' }]);
  await until('the refusal in the log', async () => (await of('registration refused')).length > 0);
  expect(await of('registration refused')).toMatchObject([{ service: 'web', znode: 'no-address\\u{202e}', reason: 'not-an-address' }]);

  await session.register('/services/lost/instances', '127.0.0.1:10', '');
  await until('the path to be there', async () => (await look(on)).report.services.every(({ waitsFor }) => waitsFor === null));

  await on.zookeeper.server.kill();
  const cut = await until('the watcher to be cut off', async () => {
    const seen = await look(on);
    return seen.report.watchers.some(({ connected }) => !connected) ? seen : false;
  });
  expect(cut.first).toMatch(/^the watcher is CUT OFF from Zookeeper for \d+s · /);
  const config = on.configWith(SERVICES);
  const asked = { service: 'web', instance: null, at: null, proxy: null, imported: false, now: Date.now() };
  const why = await withPorts(config, (ports) => readWhy(config, ports, asked));
  expect(why.reasons.map(({ code }) => code)).toContain('watcher-cut-off');
  expect(cut.text).toMatch(/WATCHERS\n.*\n.*CUT OFF for/);

  await on.app.stop();
  const { first } = await look(on, ANNOUNCE_FRESH_MS + 1_000);
  expect(first).toMatch(/^NO WATCHER: not heard of for \d+s · NOBODY WORKS on proxy edge: not heard of for \d+s · /);
  expect(first).toContain('every backend in sync when last looked at');
}, 60_000);

it('says of a HAProxy that was never reached why', async () => {
  const on = await System.start({ services: SERVICES, later: ['haproxy'] });
  system = on;
  const seen = await until('it to be missed', async () => {
    const one = await look(on);
    return one.report.proxies[0]?.unreachable ? one : false;
  });
  expect(seen.first).toContain('proxy edge UNREACHABLE');
  expect(seen.text).toMatch(/edge .* unreachable: .*ENOENT/);
  await on.runHaproxy();
  await until('it to be reached', async () => (await look(on)).report.proxies[0]?.unreachable === null, { timeoutMs: 20_000 });
}, 60_000);
