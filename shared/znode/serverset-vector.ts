/**
 * PURE. What bears on several members of a serverset: vectors, which weigh them (Finagle's Vector.scala), and shards, of which the member that came last counts
 * (Finagle's Stabilizer). A vector is a child `vector_<sequence>` with JSON: { vector: [{ select: 'member=…' | 'inet=host:port' | 'shard=N', weight }] }.
 */
import type { Decoded, Registration } from '../model/registration.ts';
import { parseAddress } from './address.ts';
import { field, isObject, Refusal, readObject, WEIGHT_MAX, weightSaid, type ZnodeData } from './payload.ts';
import { SHARD } from './serverset.ts';

/** HAProxy's weight of a member whose product is 1: it leaves room to weigh 8 times as much, and down to a 32nd. */
export const VECTOR_UNIT = 32;
const ENTRIES_MAX = 10_000;
const MEMBER = /^member_/;

/** By what is selected, the product of its weights; -1: it is left out. */
export type Vector = ReadonlyMap<string, number>;

export function isVectorName(name: string): boolean {
  return name.startsWith('vector_');
}

/** null: it cannot be read, and weighs nobody. */
export function parseVector(data: ZnodeData): Vector | null {
  try {
    const entries = field(readObject(data) ?? {}, 'vector');
    if (!Array.isArray(entries) || entries.length > ENTRIES_MAX) return null;
    const vector = new Map<string, number>();
    for (const entry of entries) {
      const select = isObject(entry) ? selectOf(field(entry, 'select')) : null;
      const weight = isObject(entry) ? (field(entry, 'weight') ?? 1) : null;
      if (select === null || typeof weight !== 'number' || !Number.isFinite(weight)) continue;
      vector.set(select, product(vector.get(select) ?? 1, weight));
    }
    return vector;
  } catch (error) {
    if (error instanceof Refusal) return null;
    throw error;
  }
}

/** The members as the vectors weigh them; without any, as they are. */
export function weighed(members: ReadonlyMap<string, Decoded>, vectors: ReadonlyMap<string, Vector>): Map<string, Decoded> {
  if (vectors.size === 0) return new Map(members);
  return new Map([...members].map(([name, says]) => [name, MEMBER.test(name) && says.ok ? weigh(name, says, vectors) : says]));
}

function weigh(name: string, says: Extract<Decoded, { ok: true }>, vectors: ReadonlyMap<string, Vector>): Decoded {
  const { registration, instance } = says;
  if (registration.out !== undefined) return says;
  const shard = registration.labels[SHARD];
  const selects = [`member=${name}`, `inet=${instance}`, ...(shard === undefined ? [] : [`shard=${shard}`])];
  let weight = 1;
  for (const [vectorName, vector] of vectors) {
    for (const select of selects) weight = product(weight, vector.get(select) ?? 1);
    if (weight < 0) return { ...says, registration: { ...registration, weight: 0, out: `left out by ${vectorName}` } };
  }
  return { ...says, registration: { ...registration, ...weightSaid(haproxyWeight(weight)) } };
}

/** Whoever is to have requests at all gets some. */
function haproxyWeight(weight: number): number {
  return weight === 0 ? 0 : Math.min(WEIGHT_MAX, Math.max(1, Math.round(weight * VECTOR_UNIT)));
}

function product(a: number, b: number): number {
  return a < 0 || b < 0 ? -1 : a * b;
}

function selectOf(value: unknown): string | null {
  if (typeof value !== 'string') return null;
  if (!value.startsWith('inet=')) return /^(member=member_\d{1,19}|shard=-?\d{1,10})$/.test(value) ? value : null;
  const parsed = parseAddress(value.slice('inet='.length));
  return parsed.ok ? `inet=${parsed.address.instance}` : null;
}

/** Members of one shard, by its number; those without a shard, or that cannot be read, are left out. */
export function shardOf(name: string, says: Decoded | null): string | null {
  return MEMBER.test(name) && says?.ok === true ? (says.registration.labels[SHARD] ?? null) : null;
}

/** `czxid` by name. Of a shard's members at several addresses the one that was created last is the shard now; the others take no requests. */
export function succeeded(members: ReadonlyMap<string, Decoded>, czxid: (name: string) => string): Map<string, Decoded> {
  const last = new Map<string, string>();
  for (const [name, says] of members) {
    const shard = shardOf(name, says);
    const known = shard === null ? undefined : last.get(shard);
    if (shard !== null && (known === undefined || BigInt(czxid(name)) > BigInt(czxid(known)))) last.set(shard, name);
  }
  return new Map([...members].map(([name, says]) => [name, follow(says, last.get(shardOf(name, says) ?? ''), members)]));
}

function follow(says: Decoded, last: string | undefined, members: ReadonlyMap<string, Decoded>): Decoded {
  const successor = last === undefined ? undefined : members.get(last);
  if (!says.ok || successor === undefined || successor.instance === says.instance || says.registration.out !== undefined) return says;
  const registration: Registration = { ...says.registration, weight: 0, out: `its shard is ${successor.instance} now` };
  return { ...says, registration };
}
