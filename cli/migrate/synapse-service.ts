/** PURE. One service of a Synapse config. It is left as a whole where its requests could only go to other servers than before. */
import { ASKABLE } from '../../shared/model/asked-options.ts';
import { carryDefaultServers } from './default-servers.ts';
import type { Draft } from './draft.ts';
import type { OldMap } from './old-map.ts';
import { oldText } from './old-text.ts';
import { carrySections } from './section-lines.ts';
import { carryServerWords, type DefaultVerify, type ServerWords } from './server-words.ts';
import { ServiceTarget } from './service-target.ts';
import { carrySharedFrontend } from './shared-frontend.ts';
import { carryDiscovery, whyNotDiscovery } from './synapse-discovery.ts';

/** What the rest of the file means for each service. */
export interface SynapseWhole {
  readonly ensemble: string | null;
  readonly bindAddress: unknown;
  /** Whether registered weights count. */
  readonly nerveWeights: boolean;
  /** Of the `defaults`: null where they say nothing. */
  readonly mode: string | null;
  readonly balance: string | null;
  readonly serverWords: readonly ServerWords[];
  readonly verify: DefaultVerify;
  /** Whether the shared frontend is open. */
  readonly shared: boolean;
  /** Added to every port. */
  readonly portOffset: number;
}

const NAME = /^[A-Za-z0-9_.-]{1,64}$/;
/** Options of a `bind` without which its clients would not be understood. */
const SPOKEN = /(?:^| )(?:ssl|crt|accept-proxy|accept-netscaler-cip|proto|alpn)\b/;
const PLAIN_KEYS: Readonly<Record<string, string>> = {
  backend_order: 'requests go by `balance`, not by the order in the file',
  cookie_value_method: 'a cookie names no server and no address: its value is a hash',
  backend_name: 'the backend is named as the service',
};

export function migrateService(name: string, service: OldMap, whole: SynapseWhole, draft: Draft): void {
  const discovery = service.takeMap('discovery');
  const haproxy = service.takeMap('haproxy');
  const why = whyNot(name, service, haproxy) ?? whyNotDiscovery(discovery, whole.ensemble);
  if (why !== null) return draft.left(service.path, `the whole service: ${why}`);
  const listen = listenOf(haproxy, whole);
  const target = new ServiceTarget(draft, name, listen.address !== null);
  carryDiscovery(discovery, target);
  carryListen(haproxy, listen, whole, target);
  const words = carrySections(haproxy, target);
  const inherited = whole.serverWords.map(({ option, text }) => ({ option: `${service.path} by ${option}`, text }));
  carryServers(haproxy, [...inherited, ...words], whole, target);
  carrySharedFrontend(haproxy, whole.shared, oldText(haproxy.take('backend_name') ?? name), target);
  carryDefaultServers(service, target);
  carryWeights(haproxy, whole.nerveWeights, target);
  allowOptions(service, target);
  carryRest(service, haproxy, target);
  const { unspoken } = target;
  if (unspoken !== null)
    return draft.abandon(target.place, service.path, `the whole service: pointsman has no key for \`${unspoken}\` of its servers`);
  // Without a line for it HAProxy's mode is tcp.
  if (target.get('mode') === undefined) target.set(['mode'], whole.mode ?? 'tcp');
  if (target.get('balance') === undefined && whole.balance !== null) target.set(['balance'], whole.balance);
}

function whyNot(name: string, service: OldMap, haproxy: OldMap): string | null {
  const ports = [service.take('backend_port_override'), haproxy.take('server_port_override')];
  if (!NAME.test(name) || name === '__proto__')
    return 'its name is none that a backend can have here: at most 64 letters, digits, `_`, `.`, `-`';
  if (haproxy.take('disabled') === true) return 'haproxy.disabled: HAProxy is not to have it';
  if (service.take('leader_election') === true) return 'leader_election: there is no way to send all requests to the oldest instance';
  if (ports.some((port) => port !== undefined && port !== null))
    return 'backend_port_override: instances are reached at the port that they register, so register the right one';
  return null;
}

interface Listen {
  readonly address: string | null;
  /** Why there is none. */
  readonly why: string;
}

function listenOf(haproxy: OldMap, { bindAddress, portOffset }: SynapseWhole): Listen {
  const port = haproxy.take('port');
  const host = oldText(haproxy.take('bind_address') ?? bindAddress ?? 'localhost');
  const options = oldText(haproxy.take('bind_options'));
  if (!haproxy.has('port')) return { address: null, why: 'there is no port: a backend only' };
  if (port === null)
    return { address: null, why: '`listen` is an address and a port: open the socket in the base file, with `default_backend`' };
  if (!/^\d{1,5}$/.test(oldText(port))) return { address: null, why: 'no port' };
  if (SPOKEN.test(options))
    return {
      address: null,
      why: '`listen` speaks no TLS and no PROXY protocol: open the port in the base file, with `default_backend` to the service',
    };
  const address = host === 'localhost' ? '127.0.0.1' : host;
  return {
    address: `${address.includes(':') && !address.startsWith('[') ? `[${address}]` : address}:${Number(port) + portOffset}`,
    why: '',
  };
}

function carryListen(haproxy: OldMap, { address, why }: Listen, whole: SynapseWhole, target: ServiceTarget): void {
  const offset = whole.portOffset === 0 ? undefined : `${whole.portOffset} is added to every port`;
  const place = [...target.place, 'listen'];
  if (address !== null) target.carry(haproxy.at('port'), ['listen'], address, offset);
  else if (haproxy.has('port')) target.left(haproxy.at('port'), why);
  if (haproxy.has('bind_address')) {
    if (address === null) target.left(haproxy.at('bind_address'), why);
    else target.draft.note('carried', haproxy.at('bind_address'), `listen: ${address}`, place);
  }
  if (!haproxy.has('bind_options')) return;
  target.left(haproxy.at('bind_options'), address === null ? why : '`listen` is an address and a port alone');
}

function carryServers(haproxy: OldMap, words: readonly ServerWords[], { verify }: SynapseWhole, target: ServiceTarget): void {
  const options = haproxy.take('server_options');
  const own = typeof options === 'string' ? [{ option: haproxy.at('server_options'), text: options }] : [];
  if (carryServerWords([...words, ...own], verify, target)) return;
  if (target.get('check') !== undefined)
    target.draft.remove([...target.place, 'check'], 'no server is checked: server_options have no `check`');
  target.set(['check'], 'none');
}

/**
 * Whatever a registration asks for, Synapse writes into its server's line. Its config does not tell whether one asks, and a standby that is not allowed to be one
 * gets requests: so all of it counts, and the note says what to take out, and why.
 */
function allowOptions(service: OldMap, target: ServiceTarget): void {
  const fallback = target.get('fallback') !== undefined;
  const options = ASKABLE.filter((word) => word !== 'backup' || !fallback);
  target.set(['server', 'options'], options);
  const all = `server.options: ${options.join(', ')} of registrations count, and other words are passed over and told`;
  const less = `take out ${fallback ? '`maxconn`' : '`backup` and `maxconn`'} if none says it (haproxy_server_options in the Nerve configs of its hosts): each look of the reconciler asks HAProxy for its \`show stat\` as well because of ${fallback ? 'it' : 'them'}`;
  const why = [all, ...(fallback ? ['standing by goes with no `fallback`'] : []), less].join('; ');
  target.draft.note('changed', `${service.path} haproxy_server_options`, why, [...target.place, 'server', 'options']);
}

/** Its README has the option with the service, its code reads that of the whole. */
function carryWeights(haproxy: OldMap, ofAll: boolean, target: ServiceTarget): void {
  const own = haproxy.take('use_nerve_weights');
  const option = haproxy.at('use_nerve_weights');
  const counts = own === undefined ? ofAll : own === true;
  if (!counts) target.set(['weights', 'registered'], false);
  if (own === undefined) return;
  if (counts) target.draft.note('carried', option, 'registered weights count');
  else target.draft.note('changed', option, 'weights.registered: false; a weight of 0 takes no requests all the same', target.place);
}

function carryRest(service: OldMap, haproxy: OldMap, target: ServiceTarget): void {
  const previous = service.take('use_previous_backends');
  const option = service.at('use_previous_backends');
  if (previous === false)
    target.carry(option, ['guard', 'maxLoss'], 1, 'a mass loss is believed at once; the last server that is up stays');
  else if (previous !== undefined) target.draft.note('changed', option, 'the guard holds every mass loss, not only that of all (`guard`)');
  for (const [key, why] of Object.entries(PLAIN_KEYS)) if (haproxy.take(key) !== undefined) target.left(haproxy.at(key), why);
  if (service.take('leader_election') !== undefined) target.left(service.at('leader_election'), 'false is what there is');
  if (haproxy.take('disabled') !== undefined) target.left(haproxy.at('disabled'), 'false is what there is');
  if (service.take('file_output') !== undefined)
    target.left(service.at('file_output'), 'pointsman writes no files of instances: `pointsman status --json` has them');
  if (service.take('load_test_concurrency') !== undefined) target.left(service.at('load_test_concurrency'), 'an option of load tests');
  for (const key of haproxy.rest) target.left(haproxy.at(key), 'no option of a service in HAProxy that is known');
  for (const key of service.rest) target.left(service.at(key), 'no option of a service that is known (of a plug-in, perhaps)');
}
