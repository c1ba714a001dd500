/**
 * PURE. That one instance has one znode at one path, and one owner: entries of `register` that could make two of it, or that two services could ask for.
 * Within the ports that services may take one of this host itself is allowed: a request for it is refused.
 */
import { encodedName } from '../znode/encode.ts';
import type { RegisterSection } from './register-schema.ts';
import type { RuleBreach } from './rules.ts';

type Range = readonly [from: number, to: number];

/** Each entry is told of at most one before it. */
export function registerOverlaps(entries: readonly RegisterSection[]): RuleBreach[] {
  const before = new Map<string, { readonly other: RegisterSection; readonly number: number }[]>();
  return entries.flatMap((entry, index) => {
    const place = `${entry.path} ${entry.address.host}`;
    const others = before.get(place) ?? [];
    const found = others.map(({ other, number }) => breachOf(other, entry, number)).find((breach) => breach !== null);
    before.set(place, others);
    others.push({ other: entry, number: index + 1 });
    return found === undefined ? [] : [{ ...found, path: ['register', index, ...found.path] }];
  });
}

/** `number`: of the entry before, as people count. */
function breachOf(before: RegisterSection, entry: RegisterSection, number: number): RuleBreach | null {
  const port = sharedPort(before, entry);
  if (port === null) return null;
  const [znode, other] = [znodeAt(entry, port), znodeAt(before, port)];
  const own = port === entry.address.port;
  const path = own ? ['address'] : ['allow', 'ports'];
  if (znode !== other)
    return { path, found: `${znode}, which entry ${number} writes as ${other}`, expected: 'one znode for one instance, or another path' };
  // Of two that have one address register-rules.ts tells.
  if (port === before.address.port && own) return null;
  if (before.service === entry.service || before.by === 'host' || entry.by === 'host') return null;
  return {
    path,
    found: `${znode}, which ${before.service} may ask for too (entry ${number})`,
    expected: 'ports of its own for each service, or another path',
  };
}

/** The first that both may have, the own ones first; null: none. */
function sharedPort(a: RegisterSection, b: RegisterSection): number | null {
  for (const [fromA, toA] of rangesOf(a)) {
    for (const [fromB, toB] of rangesOf(b)) if (fromA <= toB && fromB <= toA) return Math.max(fromA, fromB);
  }
  return null;
}

function rangesOf({ address: { port }, allow }: RegisterSection): readonly Range[] {
  return allow?.ports === undefined ? [[port, port]] : [[port, port], allow.ports];
}

function znodeAt({ path, service, address: { host }, format, id }: RegisterSection, port: number): string {
  return `${path}/${encodedName(format, { service, host, port, id: id ?? null })}`;
}
