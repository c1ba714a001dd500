/** PURE. The `discovery` of a Synapse service: where its instances are, and which of them may be used. */
import { ensembleOf } from './ensemble.ts';
import { whereOf } from './label-filters.ts';
import type { OldMap } from './old-map.ts';
import { oldText } from './old-text.ts';
import type { ServiceTarget } from './service-target.ts';

const ZOOKEEPER = new Set(['zookeeper', 'zookeeper_poll', 'zookeeper_dns', 'zookeeper_dns_poll']);
const OTHERS: Readonly<Record<string, string>> = {
  base: 'it has only default servers: write them into the base file of HAProxy, or register them',
  dns: 'it takes addresses from DNS, and pointsman takes them from Zookeeper: register them, or use `server-template` with `resolvers` in the base file of HAProxy',
  docker: 'it asks Docker, and pointsman takes instances from Zookeeper: register the containers',
  ec2tag: 'it asks AWS, and pointsman takes instances from Zookeeper: register them',
  awstag: 'it asks AWS, and pointsman takes instances from Zookeeper: register them',
  marathon: 'it asks Marathon, and pointsman takes instances from Zookeeper: register the tasks',
  multi: 'it merges several watchers, and a service here has one path: make a service of each, or choose one',
};
const UNNEEDED: Readonly<Record<string, string>> = {
  discovery_jitter: 'only watchers hold watches, and read no more than what changed',
  retry_policy: 'calls to Zookeeper are tried again by themselves, with back-off',
  polling_interval_sec: 'changes are watched, not polled',
  nameserver: 'names in registrations are resolved by the resolver of the host',
  check_interval: 'names in registrations are resolved again when their time is over',
};

/** Why the whole service is left; null: it is not. */
export function whyNotDiscovery(discovery: OldMap, ensemble: string | null): string | null {
  const method = discovery.take('method');
  if (typeof method !== 'string' || !ZOOKEEPER.has(method)) {
    const known = typeof method === 'string' && Object.hasOwn(OTHERS, method) ? OTHERS[method] : undefined;
    return `discovery ${JSON.stringify(method ?? null)}: ${known ?? 'pointsman takes instances from Zookeeper'}`;
  }
  const own = ensembleOf(discovery.take('hosts'));
  if (own === null) return `its Zookeeper hosts are ${JSON.stringify(discovery.take('hosts') ?? null)}, and none that can be connected to`;
  if (own !== ensemble) return `its Zookeeper is ${own}, and one pointsman reads one: this one ${ensemble}`;
  if (typeof discovery.take('path') !== 'string') return 'its discovery has no path';
  const filters = whereOf(discovery);
  return typeof filters === 'string' ? filters : null;
}

/** Of a discovery that is no reason to leave the service. */
export function carryDiscovery(discovery: OldMap, target: ServiceTarget): void {
  target.draft.note('carried', `${discovery.at('method')} "${oldText(discovery.take('method'))}"`, 'path', [...target.place, 'path']);
  target.draft.note('carried', discovery.at('hosts'), 'zookeeper.connect', target.place);
  target.carry(discovery.at('path'), ['path'], oldText(discovery.take('path')).replace(/(?<=.)\/+$/, ''));
  carryDecode(discovery.takeMap('decode'), target);
  const filters = whereOf(discovery);
  if (typeof filters !== 'string') {
    for (const [label, rule] of Object.entries(filters.where)) target.set(['where', label], rule);
    for (const [option, label] of filters.said)
      target.draft.note('carried', option, `where.${label}: ${JSON.stringify(filters.where[label])}`, [...target.place, 'where', label]);
  }
  const config = discovery.take('generator_config_path');
  if (config !== undefined)
    target.left(
      discovery.at('generator_config_path'),
      config === 'disabled'
        ? 'no options are read from a znode anyway'
        : `what ${oldText(config)} says is not read: write it into the service`,
    );
  for (const key of discovery.rest)
    target.left(
      discovery.at(key),
      (Object.hasOwn(UNNEEDED, key) ? UNNEEDED[key] : undefined) ?? 'no option of the discovery that is known',
    );
}

function carryDecode(decode: OldMap, target: ServiceTarget): void {
  const method = decode.take('method');
  const endpoint = decode.take('endpoint_name');
  if (method === 'serverset') {
    const why = 'whoever is not ALIVE gets no requests, which Synapse did not look at';
    target.carry(decode.at('method'), ['format'], 'serverset', why);
    if (typeof endpoint === 'string') target.carry(decode.at('endpoint_name'), ['endpoint'], endpoint);
  } else if (method !== undefined) {
    target.draft.note('carried', decode.at('method'), 'format: auto, which knows the form of Nerve', target.place);
  }
  if (endpoint !== undefined && method !== 'serverset') target.left(decode.at('endpoint_name'), 'only a serverset has endpoints');
  for (const key of decode.rest) target.left(decode.at(key), 'no option of decode that is known');
}
