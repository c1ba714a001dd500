/**
 * PURE. A Synapse config (0.18.9; its README has the options) as a pointsman.yaml that `pointsman check` accepts, and a line for each option. Nothing of the
 * old HAProxy is taken over but what its sections say: the new one stands beside it.
 */
import { parseListen } from '../../shared/config/address.ts';
import { balanceRefusal } from '../../shared/config/balance.ts';
import { carryCommon } from './common-lines.ts';
import { Draft } from './draft.ts';
import { commonest, ensembleOf } from './ensemble.ts';
import { secondsOf } from './haproxy-time.ts';
import { isMap, OldMap } from './old-map.ts';
import type { ServerWords } from './server-words.ts';
import { settle } from './settle.ts';
import { migrateService, type SynapseWhole } from './synapse-service.ts';

/** Where the new HAProxy's sockets and files are, beside those of the old one. */
export const PROXY = {
  runtime: 'unix:/run/pointsman/haproxy.sock',
  master: 'unix:/run/pointsman/haproxy-master.sock',
  base: '/etc/pointsman/haproxy.cfg',
  managed: '/etc/pointsman/haproxy.d',
};
export const REDIS = 'redis://127.0.0.1:6379/0';
export const NO_ENSEMBLE = '127.0.0.1:2181';

const OF_HAPROXY: Readonly<Record<string, string>> = {
  do_checks: 'every candidate is checked by HAProxy before it is loaded',
  check_command: 'every candidate is checked by HAProxy before it is loaded',
  candidate_config_file_path: 'candidates are checked in a folder of their own',
  do_reloads: 'what no command can do is reloaded, with its reason; `plan` shows what would be done',
  reload_command: 'it reloads the HAProxy of Synapse; the new one is reloaded through `master` (`reloadCommand` is there too)',
  do_writes: 'files are written into `managed`, and nothing else is',
  config_file_path: 'it is the file of Synapse; the new HAProxy has `base`, which is yours, and `managed`',
  do_socket: 'changes always go through the runtime socket',
  socket_file_path: 'the socket of the HAProxy of Synapse; the new one has `runtime`',
  state_file_path: 'what was seen is in Redis, and the managed files follow the runtime',
  state_file_ttl: 'what was seen is in Redis, and the managed files follow the runtime',
  server_order_seed: 'requests go by `balance`, not by the order in the file',
  max_server_id: 'a service may have `maxInstances`',
};
const OF_WHOLE: Readonly<Record<string, string>> = {
  statsd: 'metrics are for Prometheus: /metrics of the dashboard',
  file_output: 'pointsman writes no files of instances: `pointsman status --json` has them',
  service_conf_dir: 'its services are among those below',
};

export function migrateSynapse(value: unknown, { portOffset = 0 }: { portOffset?: number } = {}): Draft {
  const old = new OldMap(value, '');
  const draft = new Draft();
  const haproxy = old.takeMap('haproxy');
  const services = old.takeMap('services');
  const ensemble = ensembleOfServices(services);
  draft.set(['zookeeper', 'connect'], ensemble ?? NO_ENSEMBLE);
  draft.set(['redis', 'url'], REDIS);
  const whole = { ...carryHaproxy(haproxy, draft, portOffset), ensemble, portOffset };
  draft.set(['services'], {});
  for (const name of services.keys) migrateService(name, services.takeMap(name), whole, draft);
  for (const key of old.rest)
    draft.left(key, (Object.hasOwn(OF_WHOLE, key) ? OF_WHOLE[key] : undefined) ?? 'no section that is known (of a plug-in, perhaps)');
  settle(draft);
  return draft;
}

function ensembleOfServices(services: OldMap): string | null {
  return commonest(
    services.keys.map((name) => {
      const { discovery } = asMap(services.take(name));
      return ensembleOf(asMap(discovery).hosts);
    }),
  );
}

function carryHaproxy(haproxy: OldMap, draft: Draft, portOffset: number): Omit<SynapseWhole, 'ensemble' | 'portOffset'> {
  draft.set(['haproxy', 'defaults'], {});
  draft.set(['proxies', 'local'], { ...PROXY });
  const globals = haproxy.takeLines('global');
  for (const line of globals)
    draft.left(
      `${haproxy.at('global')} "${line}"`,
      /^(?:daemon|stats socket)\b/.test(line)
        ? 'the new HAProxy is started with -W and has a socket of its own'
        : 'write it into the base file',
    );
  const defaults = carryDefaults(haproxy, draft);
  const extra = haproxy.takeMap('extra_sections');
  for (const title of extra.keys)
    draft.left(
      `${haproxy.at('extra_sections')} "${title}"`,
      'write it into the base file when the HAProxy of Synapse is gone, or now with another port',
    );
  carryPace(haproxy, draft);
  const bindAddress = haproxy.take('bind_address');
  if (bindAddress !== undefined) draft.note('carried', haproxy.at('bind_address'), '`listen` of each service that has no other');
  const nerveWeights = haproxy.take('use_nerve_weights') === true;
  draft.note(
    nerveWeights ? 'carried' : 'changed',
    haproxy.at('use_nerve_weights'),
    nerveWeights ? 'registered weights count' : 'weights.registered of each service is false; a weight of 0 takes no requests all the same',
  );
  const shared = carryShared(haproxy, draft, portOffset);
  for (const key of haproxy.rest)
    draft.left(haproxy.at(key), (Object.hasOwn(OF_HAPROXY, key) ? OF_HAPROXY[key] : undefined) ?? 'no option of HAProxy that is known');
  return { bindAddress, nerveWeights, ...defaults, verify: globals.includes('ssl-server-verify none') ? 'none' : 'required', shared };
}

function carryDefaults(haproxy: OldMap, draft: Draft): Pick<SynapseWhole, 'mode' | 'balance' | 'serverWords'> {
  const serverWords: ServerWords[] = [];
  let mode: string | null = null;
  let balance: string | null = null;
  for (const line of haproxy.takeLines('defaults')) {
    const option = `${haproxy.at('defaults')} "${line}"`;
    const [, word, rest = ''] = /^(mode|balance|default-server) (.+)$/.exec(line) ?? [];
    if (word === 'default-server') serverWords.push({ option: `${haproxy.at('defaults')} default-server`, text: rest });
    else if (word === 'mode' && (rest === 'http' || rest === 'tcp')) mode = rest;
    else if (word === 'balance' && balanceRefusal(rest) === null) balance = rest;
    else if (!carryCommon(line, option, draft, ['haproxy', 'defaults']))
      draft.left(option, 'the managed sections have defaults of their own; a service takes such a line in `extra`');
    if (word === 'mode' || word === 'balance') draft.note('carried', option, `${word} of each service that has no other`);
  }
  for (const timeout of ['connect', 'client', 'server'])
    if (draft.get(['haproxy', 'defaults', 'timeouts', timeout]) === undefined)
      draft.note(
        'changed',
        haproxy.at('defaults'),
        `no timeout ${timeout} is none in HAProxy; here it is ${timeout === 'connect' ? '5s' : '50s'} (haproxy.defaults.timeouts)`,
      );
  return { mode, balance, serverWords };
}

function carryPace(haproxy: OldMap, draft: Draft): void {
  const interval = haproxy.take('restart_interval');
  const jitter = haproxy.take('restart_jitter');
  const duration = secondsOf(interval);
  if (duration !== null) draft.carry(haproxy.at('restart_interval'), ['haproxy', 'reload', 'minInterval'], duration);
  else if (interval !== undefined) draft.left(haproxy.at('restart_interval'), 'no number of seconds');
  if (jitter !== undefined) draft.carry(haproxy.at('restart_jitter'), ['haproxy', 'reload', 'jitter'], Number(jitter));
}

/** Whether there is a shared frontend that is open. */
function carryShared(haproxy: OldMap, draft: Draft, portOffset: number): boolean {
  let open = false;
  for (const line of haproxy.takeLines('shared_frontend')) {
    const option = `${haproxy.at('shared_frontend')} "${line}"`;
    const address = parseListen((/^bind (\S+)$/.exec(line)?.[1] ?? '').replace(/^localhost:/, '127.0.0.1:').replace(/^:/, '*:'));
    if (address === null)
      draft.left(option, line.startsWith('mode ') ? 'the shared frontend is mode http' : 'the shared frontend takes no lines of its own');
    else if (open) draft.left(option, 'the shared frontend has one address');
    else {
      const host = address.host.includes(':') ? `[${address.host}]` : address.host;
      const why = portOffset === 0 ? undefined : `${portOffset} is added to every port`;
      draft.carry(option, ['proxies', 'local', 'http', 'listen'], `${host}:${address.port + portOffset}`, why);
      open = true;
    }
  }
  return open;
}

function asMap(value: unknown): Readonly<Record<string, unknown>> {
  return isMap(value) ? value : {};
}
