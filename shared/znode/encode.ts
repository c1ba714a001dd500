/**
 * PURE. What a registration of ours is named and holds in each format: the inverse of the codecs. The name follows from the instance alone, never from a
 * sequence, so that there is one znode for one instance, whoever made it, and a left-over one is found by it.
 */
import { createHash } from 'node:crypto';
import { ASKABLE, type Asked } from '../model/asked-options.ts';
import type { WrittenFormat } from '../model/register.ts';
import { instanceOf, serverName } from './address.ts';
import { SHARD } from './serverset.ts';

export interface Offered {
  readonly service: string;
  /** Canonical, IPv6 without brackets, or a host name. */
  readonly host: string;
  readonly port: number;
  /** Nerve's and Curator's own name of the instance; null: made of its address. */
  readonly id: string | null;
  /** 0..256; null: it says none, as a serverset cannot. */
  readonly weight: number | null;
  readonly labels: Readonly<Record<string, string>>;
  /** In Nerve's form alone. */
  readonly options: Asked;
  /** It asks for no new requests, in the words that the format has for it. */
  readonly out: boolean;
  /** ms since the epoch: when it was offered first. */
  readonly since: number;
}

export interface EncodedZnode {
  readonly name: string;
  readonly data: string;
}

/** Labels that mean something else in a Curator instance's metadata. */
export const CURATOR_WORDS: readonly string[] = ['weight', 'instance_status', '@class'];

/** Beyond every sequence that Zookeeper has given in practice, and within its ten digits of an int32. */
const MEMBER_FIRST = 1_000_000_000;
const MEMBER_COUNT = 1_147_483_647;

const SPRING = 'org.springframework.cloud.zookeeper.discovery.ZookeeperInstance';
/** `scheme://address:port`, as Spring Cloud writes it. */
const URI_SPEC = {
  parts: [
    { value: 'scheme', variable: true },
    { value: '://', variable: false },
    { value: 'address', variable: true },
    { value: ':', variable: false },
    { value: 'port', variable: true },
  ],
};

export function encode(format: WrittenFormat, offered: Offered): EncodedZnode {
  switch (format) {
    case 'address':
      return plain(offered);
    case 'nerve':
      return nerve(offered);
    case 'serverset':
      return serverset(offered);
    case 'curator':
      return curator(offered);
  }
}

/** The name that `encode` gives it. */
export function encodedName(format: WrittenFormat, instance: Pick<Offered, 'service' | 'host' | 'port' | 'id'>): string {
  return encode(format, { ...instance, weight: null, labels: {}, options: {}, out: false, since: 0 }).name;
}

function plain({ host, port, weight, labels, out }: Offered): EncodedZnode {
  const said = { ...weightOf(out ? 0 : weight), ...labelsOf(labels) };
  return { name: instanceOf(host, port), data: Object.keys(said).length === 0 ? '' : JSON.stringify(said) };
}

/** As Nerve with `node_type: ephemeral`; the order of the keys is Nerve's. A withdrawal is said in the options too: Synapse writes them last, and the last weight counts. */
function nerve(offered: Offered): EncodedZnode {
  const { host, port, weight, labels, options, out } = offered;
  const name = idOf(offered);
  const asked = out && options.weight !== undefined ? { ...options, weight: 0 } : options;
  const said = { ...weightOf(out ? 0 : weight), ...optionsOf(asked), ...labelsOf(labels) };
  return { name: `${name}_`, data: JSON.stringify({ host, port, name, ...said }) };
}

/** Only ALIVE members get requests; the number of the member's name is made of its address. */
function serverset({ service, host, port, labels, out }: Offered): EncodedZnode {
  const { [SHARD]: shard, ...metadata } = labels;
  const isNumber = shard !== undefined && /^(0|[1-9][0-9]{0,8})$/.test(shard);
  const all = isNumber ? metadata : labels;
  const number = MEMBER_FIRST + (Number.parseInt(digest(`${service}/${instanceOf(host, port)}`).slice(0, 8), 16) % MEMBER_COUNT);
  const data = {
    serviceEndpoint: { host, port },
    additionalEndpoints: {},
    status: out ? 'STOPPING' : 'ALIVE',
    ...(isNumber ? { shard: Number(shard) } : {}),
    ...(Object.keys(all).length === 0 ? {} : { metadata: sorted(all) }),
  };
  return { name: `member_${number}`, data: JSON.stringify(data) };
}

/** A payload is written only when there is something to say in it: a Curator client without Spring's class could not read it. */
function curator(offered: Offered): EncodedZnode {
  const { service, host, port, weight, labels, out, since } = offered;
  const id = offered.id ?? uuidOf(`${service}/${instanceOf(host, port)}`);
  const metadata = {
    ...labels,
    ...(weight === null ? {} : { weight: String(weight) }),
    ...(out ? { instance_status: 'OUT_OF_SERVICE' } : {}),
  };
  const payload = Object.keys(metadata).length === 0 ? null : { '@class': SPRING, id, name: service, metadata: sorted(metadata) };
  const data = {
    name: service,
    id,
    address: host,
    port,
    sslPort: null,
    payload,
    registrationTimeUTC: since,
    serviceType: 'DYNAMIC',
    uriSpec: URI_SPEC,
  };
  return { name: id, data: JSON.stringify(data) };
}

function idOf({ id, host, port }: Offered): string {
  return id ?? serverName(instanceOf(host, port));
}

function weightOf(weight: number | null): object {
  return weight === null ? {} : { weight };
}

function optionsOf(options: Asked): object {
  const words = ASKABLE.flatMap((word) =>
    options[word] === undefined ? [] : options[word] === true ? [word] : [`${word} ${options[word]}`],
  );
  return words.length === 0 ? {} : { haproxy_server_options: words.join(' ') };
}

function labelsOf(labels: Offered['labels']): object {
  return Object.keys(labels).length === 0 ? {} : { labels: sorted(labels) };
}

function sorted(labels: Readonly<Record<string, string>>): object {
  const entries = Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries);
}

/** In the form of a UUID; always the same for the same text. */
function uuidOf(text: string): string {
  const hex = digest(text);
  return [hex.slice(0, 8), hex.slice(8, 12), `8${hex.slice(13, 16)}`, `8${hex.slice(17, 20)}`, hex.slice(20, 32)].join('-');
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
