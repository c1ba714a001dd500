/** PURE. The rules of `register`: what a format cannot say, what a kind of check does not have, and that no two entries write one znode. */
import { CURATOR_WORDS, encodedName } from '../znode/encode.ts';
import { formatListen, isLoopback } from './address.ts';
import {
  CHECK_KINDS,
  checksOf,
  kindsOf,
  REGISTER_TTL,
  type RegisterCheckSection,
  type RegisterSection,
  type RegistrarSection,
} from './register-schema.ts';
import type { RuleBreach } from './rules.ts';

type At = RuleBreach['path'];

/** `withAuth`: whether `zookeeper.auth` is there; null: that section is not valid, and says so itself. */
export function registrations(entries: readonly RegisterSection[], withAuth: boolean | null): RuleBreach[] {
  const owners = new Map<string, number>();
  return entries.flatMap((entry, index) => {
    const at: At = ['register', index];
    return [
      ...formatKeys(at, entry),
      ...credentials(at, entry, withAuth),
      ...sharedZnode(at, entry, index, owners),
      ...checks(at, entry),
      ...ofServices(at, entry),
    ];
  });
}

/** What is only for those that register themselves, and what they cannot say. */
function ofServices(at: At, { by, ttl, allow, id, labels = {} }: RegisterSection): RuleBreach[] {
  const found: RuleBreach[] = [];
  const refuse = (key: string, what: string, expected: string): void => {
    found.push({ path: [...at, key], found: what, expected });
  };
  if (by === 'host' && ttl !== undefined) refuse('ttl', 'ttl', '`by: service`: this host needs none for what it registers');
  if (by === 'host' && allow !== undefined) refuse('allow', 'allow', '`by: service`: it says what a service may say');
  if (id !== undefined && allow?.ports !== undefined)
    refuse('id', 'id with allow.ports', 'none: instances of several ports need a name each');
  if (allow?.ttl !== undefined && allow.ttl < (ttl ?? REGISTER_TTL))
    refuse('allow', 'a ttl below that of the entry', 'one that is longer, or none');
  const fixed = allow?.labels?.find((name) => Object.hasOwn(labels, name));
  if (fixed !== undefined) refuse('allow', `the label ${fixed}, which the entry sets`, 'labels that the entry leaves open');
  return found;
}

/** Where services of this host register themselves: nobody else is let near it. */
export function registrarListener(registrar: RegistrarSection | null): RuleBreach[] {
  if (registrar === null) return [];
  const { listen, token } = registrar;
  if (listen === undefined)
    return token === undefined ? [] : [{ path: ['registrar', 'token'], found: 'token without listen', expected: 'registrar.listen' }];
  if (isLoopback(listen.host)) return [];
  return [
    {
      path: ['registrar', 'listen'],
      found: formatListen(listen),
      expected: 'a loopback address such as 127.0.0.1:9190: it is for this host',
    },
  ];
}

function formatKeys(at: At, { format, id, weight = 1, warmUp, options, labels = {}, allow }: RegisterSection): RuleBreach[] {
  const found: RuleBreach[] = [];
  const refuse = (key: string, what: string, expected: string): void => {
    found.push({ path: [...at, key], found: `${what} with format: ${format}`, expected });
  };
  if (id !== undefined && format !== 'nerve' && format !== 'curator') refuse('id', 'id', 'none: only nerve and curator have one');
  if (options !== undefined && format !== 'nerve') refuse('options', 'options', 'none: only nerve has them');
  if (format === 'serverset' && weight !== 1) refuse('weight', 'weight', 'none: a serverset has no weights of its members');
  if (format === 'serverset' && warmUp !== undefined) refuse('warmUp', 'warmUp', 'none: a serverset has no weights of its members');
  const said = format === 'curator' ? { labels: Object.keys(labels), allow: allow?.labels ?? [] } : {};
  for (const [key, names] of Object.entries(said)) {
    const taken = CURATOR_WORDS.find((word) => names.includes(word));
    if (taken !== undefined) refuse(key, `a label ${taken}`, 'another name: in Curator its metadata this one says something else');
  }
  return found;
}

function credentials(at: At, { acl }: RegisterSection, withAuth: boolean | null): RuleBreach[] {
  if (acl === 'open' || withAuth !== false) return [];
  return [
    { path: [...at, 'acl'], found: `acl: ${acl} without zookeeper.auth`, expected: 'zookeeper.auth, whose credentials the znode is for' },
  ];
}

function sharedZnode(
  at: At,
  { service, path, address, format, id }: RegisterSection,
  index: number,
  owners: Map<string, number>,
): RuleBreach[] {
  const znode = `${path}/${encodedName(format, { service, host: address.host, port: address.port, id: id ?? null })}`;
  const owner = owners.get(znode);
  if (owner === undefined) owners.set(znode, index);
  return owner === undefined
    ? []
    : [{ path: [...at, 'address'], found: `${znode}, which entry ${owner + 1} writes`, expected: 'a znode of its own' }];
}

function checks(at: At, entry: RegisterSection): RuleBreach[] {
  const all = checksOf(entry);
  return all.flatMap((check, index) => ofCheck(Array.isArray(entry.check) ? [...at, 'check', index] : [...at, 'check'], check));
}

/** Which kinds a key belongs to. */
const OF_KINDS: Readonly<Partial<Record<keyof RegisterCheckSection, readonly (typeof CHECK_KINDS)[number][]>>> = {
  tls: ['http', 'grpc'],
  host: ['http'],
  headers: ['http'],
  expect: ['http'],
  auth: ['redis'],
  address: ['http', 'tcp', 'redis', 'grpc'],
  port: ['http', 'tcp', 'redis', 'grpc'],
};

function ofCheck(at: At, check: RegisterCheckSection): RuleBreach[] {
  const kinds = kindsOf(check);
  if (kinds.length > 1) return [{ path: at, found: kinds.join(' and '), expected: `one of ${CHECK_KINDS.join(', ')}` }];
  const kind = kinds[0] ?? 'tcp';
  return Object.entries(OF_KINDS).flatMap(([key, owners]) =>
    check[key as keyof RegisterCheckSection] === undefined || owners.includes(kind)
      ? []
      : [{ path: [...at, key], found: `${key} with ${kind}`, expected: `${key} only with ${owners.join(', ')}` }],
  );
}
