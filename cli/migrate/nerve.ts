/**
 * PURE. A Nerve config (0.9.7; its README has the options) as the `register` of a pointsman.yaml: what Nerve wrote into Zookeeper is written in the same form,
 * so that readers see no difference. A service whose check cannot be done here is left as a whole.
 */

import { readServerOptions } from '../../shared/znode/server-options.ts';
import { Draft, type Place } from './draft.ts';
import { commonest, ensembleOf } from './ensemble.ts';
import { carryCheck, whyNotCheck } from './nerve-check.ts';
import { isMap, OldMap } from './old-map.ts';
import { oldText } from './old-text.ts';
import { settle } from './settle.ts';
import { NO_ENSEMBLE, REDIS } from './synapse.ts';

const NAME = /^[A-Za-z0-9_.-]{1,64}$/;
const ID = /^[A-Za-z0-9_-][A-Za-z0-9_.-]{0,63}$/;
const WEIGHT_MAX = 256;

const OF_WHOLE: Readonly<Record<string, string>> = {
  heartbeat_path: 'pointsman ends when it cannot go on: let systemd start it again; /health of the dashboard answers while it is well',
  max_repeated_report_failures: 'a lost session is made again by itself, with back-off',
  statsd: 'metrics are for Prometheus: /metrics of the dashboard',
  service_conf_dir: 'its services are among those below',
  listen_port: 'Nerve itself no longer knows it',
};
const OF_SERVICE: Readonly<Record<string, string>> = {
  rate_limiting: 'changes are as many as `rise` and `fall` let through',
  use_path_encoding: 'the registration is in the data of the znode, which every reader understands',
  ttl_seconds: 'an ephemeral znode goes with its session, and needs no touching',
  load_test_concurrency: 'an option of load tests',
};

export function migrateNerve(value: unknown): Draft {
  const old = new OldMap(value, '');
  const draft = new Draft();
  const services = old.takeMap('services');
  const all = services.keys.map((name) => services.takeMap(name));
  const ensemble = commonest(all.map((service) => ensembleOf(service.take('zk_hosts'))));
  const id = old.take('instance_id');
  if (id !== undefined) draft.note('carried', old.at('instance_id'), '`id` of each registration below');
  draft.set(['zookeeper', 'connect'], ensemble ?? NO_ENSEMBLE);
  draft.set(['redis', 'url'], REDIS);
  draft.set(['register'], {});
  for (const [index, name] of services.keys.entries()) {
    const path = all[index]?.take('zk_path');
    const alone = all.filter((service) => service.take('zk_path') === path).length === 1;
    migrateService(name, services.takeMap(name), { ensemble, id, alone, place: ['register', String(index)] }, draft);
  }
  for (const key of old.rest) draft.left(key, (Object.hasOwn(OF_WHOLE, key) ? OF_WHOLE[key] : undefined) ?? 'no option that is known');
  settle(draft);
  return draft;
}

interface Around {
  readonly ensemble: string | null;
  readonly id: unknown;
  /** Nobody else registers at its path. */
  readonly alone: boolean;
  readonly place: Place;
}

function migrateService(name: string, service: OldMap, around: Around, draft: Draft): void {
  const why = whyNot(name, service, around.ensemble);
  if (why !== null) return draft.left(service.path, `the whole service: ${why}`);
  const { place } = around;
  const host = service.take('host');
  const port = service.take('port');
  draft.set([...place, 'service'], name);
  draft.carry(service.at('zk_path'), [...place, 'path'], oldText(service.take('zk_path')).replace(/(?<=.)\/+$/, ''));
  draft.note('carried', service.at('zk_hosts'), 'zookeeper.connect', place);
  const address = `${oldText(host).includes(':') ? `[${oldText(host)}]` : oldText(host)}:${oldText(port)}`;
  for (const key of ['host', 'port']) draft.carry(service.at(key), [...place, 'address'], address);
  draft.set([...place, 'format'], 'nerve');
  carryId(service, around, draft);
  if (service.take('reporter_type') !== undefined) draft.note('carried', service.at('reporter_type'), 'zookeeper', place);
  carryWeightAndLabels(service, place, draft);
  carryOptions(service, place, draft);
  carryNodeType(service, place, draft);
  carryChecks(service, place, { host, port, interval: service.take('check_interval') }, draft);
  for (const key of service.rest)
    draft.left(service.at(key), (Object.hasOwn(OF_SERVICE, key) ? OF_SERVICE[key] : undefined) ?? 'no option of a service that is known');
}

/** The znode is named by it: one of its own for each, and another one than a Nerve has that still runs. */
function carryId(service: OldMap, { id, alone, place }: Around, draft: Draft): void {
  if (typeof id !== 'string') return;
  const sequential = oldText(service.take('node_type') ?? 'ephemeral_sequential').endsWith('_sequential');
  const why = ID.test(id)
    ? alone
      ? sequential
        ? null
        : 'Nerve has a znode of that name'
      : 'others have that name at this path'
    : 'it is no name here';
  if (why === null) draft.set([...place, 'id'], id);
  else draft.note('changed', service.at('instance_id'), `${why}: it is named by its address`, place);
}

function whyNot(name: string, service: OldMap, ensemble: string | null): string | null {
  const reporter = service.take('reporter_type') ?? 'zookeeper';
  const checks = service.take('checks');
  if (!NAME.test(name) || name === '__proto__')
    return 'its name is none that a service can have here: at most 64 letters, digits, `_`, `.`, `-`';
  if (reporter !== 'zookeeper') return `reporter_type ${JSON.stringify(reporter)}: pointsman registers in Zookeeper`;
  for (const key of ['host', 'port', 'zk_path']) if (service.take(key) === undefined) return `it has no ${key}`;
  const own = ensembleOf(service.take('zk_hosts'));
  if (own === null) return `its zk_hosts are ${JSON.stringify(service.take('zk_hosts') ?? null)}, and none that can be connected to`;
  if (own !== ensemble) return `its Zookeeper is ${own}, and one pointsman writes to one: this one ${ensemble}`;
  if (service.take('check_mocked') === true) return null;
  return (
    (Array.isArray(checks) ? checks : []).map((check) => whyNotCheck(isMap(check) ? check['type'] : null)).find((why) => why !== null) ??
    null
  );
}

function carryWeightAndLabels(service: OldMap, place: Place, draft: Draft): void {
  const weight = service.take('weight');
  const labels = service.take('labels');
  if (weight !== undefined) {
    const number = /^\d+$/.test(oldText(weight)) ? Number(weight) : Number.NaN;
    if (number <= WEIGHT_MAX) draft.carry(service.at('weight'), [...place, 'weight'], number);
    else draft.left(service.at('weight'), `a weight is a whole number from 0 to ${WEIGHT_MAX}`);
  }
  for (const [label, value] of Object.entries(isMap(labels) ? labels : {})) {
    const option = `${service.at('labels')}.${label}`;
    if (typeof value === 'string') draft.carry(option, [...place, 'labels', label], value);
    else if (typeof value === 'number' || typeof value === 'boolean')
      draft.carry(option, [...place, 'labels', label], String(value), 'a label is a text');
    else draft.left(option, 'a label is a text');
  }
}

/** What pointsman has no word for was a part of Synapse's line: here it is said for all servers of the service. */
function carryOptions(service: OldMap, place: Place, draft: Draft): void {
  const option = service.at('haproxy_server_options');
  const asked = readServerOptions(service.take('haproxy_server_options'));
  const { unread = [], ...options } = asked ?? {};
  for (const [word, value] of Object.entries(options))
    draft.carry(option, [...place, 'options', word], value, 'where `server.options` of the reading service has it', 'carried');
  for (const words of unread)
    draft.left(`${option} "${words}"`, 'no registration may ask for it: say it where the service is read, in `services` (`server`)');
}

function carryNodeType(service: OldMap, place: Place, draft: Draft): void {
  const type = service.take('node_type');
  if (type === undefined) return;
  const ephemeral = type === 'ephemeral' || type === 'ephemeral_sequential';
  draft.note(
    ephemeral ? 'carried' : 'changed',
    service.at('node_type'),
    'the znode is ephemeral: it goes with pointsman and its session',
    place,
  );
}

function carryChecks(service: OldMap, place: Place, instance: { host: unknown; port: unknown; interval: unknown }, draft: Draft): void {
  const listed = service.take('checks');
  const mocked = service.take('check_mocked');
  const checks = (Array.isArray(listed) ? listed : []).map((check, index) => new OldMap(check, `${service.at('checks')}.${index}`));
  const real = checks.filter((check) => check.take('type') !== 'noop');
  if (mocked === true || real.length === 0) {
    draft.set([...place, 'check'], 'none');
    if (mocked !== undefined) draft.carry(service.at('check_mocked'), [...place, 'check'], 'none');
    for (const check of checks) draft.note('carried', check.path, 'check: none', [...place, 'check']);
    return;
  }
  if (mocked !== undefined) draft.left(service.at('check_mocked'), 'false is what there is');
  for (const check of checks.filter((one) => !real.includes(one))) draft.left(check.path, 'it is always good, and others are not');
  // A list is made when all is said: until then its entries have keys.
  for (const [index, check] of real.entries()) carryCheck(check, [...place, 'check', String(index)], instance, draft);
  const made = Object.values(draft.get([...place, 'check']) as object);
  draft.set([...place, 'check'], made.length === 1 ? made[0] : made);
  if (instance.interval === undefined) return;
  draft.note('carried', service.at('check_interval'), `check.interval: ${String((made[0] as { interval?: string }).interval)}`, [
    ...place,
    'check',
  ]);
}
