/**
 * `pointsman resync [SERVICE]`: the leading watcher reads Zookeeper again, past any stale server; then every proxy looks at all that it
 * carries of it, and what a rollout stopped at is tried again. Exit 0 when that is under way, 1 when no watcher did it.
 */
import type { Command } from 'commander';
import { PointsmanError } from '../../shared/errors.ts';
import type { ServiceEventType } from '../../shared/model/event.ts';
import { ANNOUNCE_FRESH_MS } from '../../shared/model/freshness.ts';
import { matchesAny } from '../../shared/model/glob.ts';
import type { EventId, ProxyId, ServiceName } from '../../shared/model/ids.ts';
import { type ResyncAnswer, requestResync } from '../../shared/redis/resync-channel.ts';
import type { Ports } from '../../workers/app.ts';
import { dropRejections } from '../../workers/reconciler/reload-request.ts';
import { goOn } from '../../workers/reconciler/rollout.ts';
import type { CliContext } from '../context.ts';
import { jsonText } from '../json-text.ts';
import { operator } from '../operator.ts';
import { printable } from '../printable.ts';
import { withPorts } from '../redis-ports.ts';
import { formatTable, wantsColour } from '../table.ts';

/** Events counted per service; more is `at least`. */
const EVENTS_MAX = 1_000;
const OF_THE_REGISTRY: ReadonlySet<ServiceEventType> = new Set(['configured', 'unconfigured', 'registered', 'changed', 'deregistered']);

interface Found {
  readonly watcher: string;
  readonly services: readonly {
    readonly service: ServiceName;
    readonly znodes: number;
    readonly missing: number;
    readonly events: number;
  }[];
  /** Proxies that look at it now. */
  readonly woken: readonly ProxyId[];
  /** Marked too, but nobody has been heard of who works on them. */
  readonly silent: readonly ProxyId[];
}

const JSON_HELP = `
--json prints one object: watcher, services[] { service, znodes, missing, events (recorded by this resync) }, woken[] and silent[] (proxies).`;

export function register(command: Command, context: CliContext): void {
  command
    .argument('[service]', 'only this service')
    .option('--trust', 'accept a registry that went backwards: what it misses drains')
    .option('--json', 'answer in JSON')
    .addHelpText('after', JSON_HELP)
    .action((service: string | undefined, options: { json?: boolean; trust?: boolean }) => resync(context, service ?? null, options));
}

async function resync(context: CliContext, only: ServiceName | null, options: { json?: boolean; trust?: boolean }): Promise<void> {
  const config = await context.loadConfig('redis');
  const found = await withPorts(config, async (ports) => {
    const before = new Map<ServiceName, EventId>();
    for (const service of only === null ? await ports.log.services() : [only]) before.set(service, await ports.log.last(service));
    const answer = leading(await requestResync(ports.redis, ports.keys, only), only);
    if (options.trust === true)
      for (const { service } of answer.services)
        await ports.log.appendPlain(service, [{ type: 'trusted', by: operator() }], `operator:${operator()}`);
    return reconcile(ports, answer, before, only);
  });
  context.print(options.json === true ? jsonText(found) : foundText(found));
}

/** The answer of the watcher that did it. @throws PointsmanError WATCHER_ABSENT, or USAGE when it has no such service. */
function leading(answers: readonly ResyncAnswer[], service: ServiceName | null): ResyncAnswer {
  const done = answers.find(({ outcome }) => outcome === 'done');
  if (done !== undefined) return done;
  if (answers.some(({ outcome }) => outcome === 'not-watched')) {
    throw new PointsmanError('USAGE', `the watcher has no service ${JSON.stringify(service)}`, {
      hint: 'its config must have it; `pointsman status` lists the services',
      retry: 'after',
    });
  }
  const failed = answers.find(({ outcome }) => outcome === 'failed');
  const what = failed === undefined ? 'no watcher leads at the moment' : `watcher ${failed.watcher}: ${failed.detail}`;
  throw new PointsmanError('WATCHER_ABSENT', what, {
    hint: 'try again shortly; is Zookeeper reachable from the watchers?',
    retry: 'transient',
  });
}

/** Marks first, so that whoever is woken has something to look at. */
async function reconcile(
  ports: Ports,
  answer: ResyncAnswer,
  before: ReadonlyMap<ServiceName, EventId>,
  only: ServiceName | null,
): Promise<Found> {
  const { log, store, proxies, queues } = ports;
  const cause = { why: 'resync', time: Date.now() };
  await goOn(ports, only === null ? null : [only]);
  const revisions = new Map<ServiceName, number>();
  const services: Found['services'][number][] = [];
  for (const { service, children, missing } of answer.services) {
    const events = await log.read(service, before.get(service) ?? '0-0', EVENTS_MAX);
    services.push({ service, znodes: children, missing, events: events.filter(({ event }) => OF_THE_REGISTRY.has(event.type)).length });
    revisions.set(service, (await store.head(service)).revision);
    await queues.wakeService(service, cause);
  }
  const woken: ProxyId[] = [];
  const silent: ProxyId[] = [];
  for (const proxy of await proxies.announced()) {
    const carried = new Map([...revisions].filter(([service]) => matchesAny(proxy.services, service)));
    if (carried.size === 0) continue;
    // What HAProxy refused may be mended by now: it is tried at once.
    await dropRejections(proxies, proxy.id, only);
    await proxies.mark([proxy.id], carried);
    if (Date.now() - proxy.at > ANNOUNCE_FRESH_MS) {
      silent.push(proxy.id);
      continue;
    }
    await queues.wakeProxy(proxy.pool, proxy.id, cause);
    woken.push(proxy.id);
  }
  return { watcher: answer.watcher, services, woken, silent };
}

function foundText({ watcher, services, woken, silent }: Found): string {
  const rows = services.map(({ service, znodes, missing, events }) => [
    service,
    String(znodes),
    missing === 0 ? '' : `${missing} (not believed gone yet)`,
    events === 0 ? 'nothing new' : `${events}${events >= EVENTS_MAX ? '+' : ''} ${events === 1 ? 'event' : 'events'}`,
  ]);
  const table = formatTable(['service', 'znodes', 'missing', 'found'], rows, wantsColour(process.stdout, process.env));
  const lines = [`watcher ${printable(watcher)} has read Zookeeper again`, ...(rows.length === 0 ? ['it watches no service'] : [table])];
  lines.push(woken.length === 0 ? 'no proxy to wake' : `looking at it now: ${woken.map(printable).join(', ')}`);
  if (silent.length > 0) lines.push(`marked, but not heard of: ${silent.map(printable).join(', ')}`);
  return lines.join('\n');
}
