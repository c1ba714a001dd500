/**
 * What of a service's znodes bears on others of them: a serverset's vectors and shards. A reading of some children tells only of those; whatever it changes for
 * the others is told when all are read again.
 */
import type { Decoded } from '../../shared/model/registration.ts';
import { isVectorName, parseVector, shardOf, succeeded, type Vector, weighed } from '../../shared/znode/serverset-vector.ts';
import type { Reading } from '../../shared/zookeeper/reading.ts';

export class ServersetGroup {
  readonly #vectors = new Map<string, Vector>();
  /** Of each member that has a shard, and of each shard the members: by what was read last. */
  readonly #shards = new Map<string, string>();
  readonly #members = new Map<string, Set<string>>();
  #bears = false;
  #isUsed = false;

  /** Whether what was read last bears on znodes that were not in the reading. */
  get bears(): boolean {
    return this.#bears;
  }

  /** Whether what a znode says can change without the znode. */
  get isUsed(): boolean {
    return this.#isUsed;
  }

  /** The reading without the vectors, which are no instances. */
  members(reading: Reading): Reading {
    const names = [...reading.read.keys()].filter(isVectorName);
    const gone = reading.kind === 'full' ? [...this.#vectors.keys()].filter((name) => !reading.read.has(name)) : reading.gone;
    this.#bears = false;
    for (const name of gone) if (this.#vectors.delete(name)) this.#bears = true;
    for (const name of names) {
      const vector = parseVector(reading.read.get(name)?.data ?? Buffer.alloc(0));
      this.#bears = true;
      if (vector === null) this.#vectors.delete(name);
      else this.#vectors.set(name, vector);
    }
    this.#isUsed ||= this.#bears;
    if (names.length === 0) return reading;
    return { ...reading, read: new Map([...reading.read].filter(([name]) => !isVectorName(name))) };
  }

  /** What the members say, as vectors and shards have it. */
  together(decoded: ReadonlyMap<string, Decoded>, reading: Reading): Map<string, Decoded> {
    if (reading.kind === 'full') this.#forget([...this.#shards.keys()]);
    else this.#forget(reading.gone);
    for (const [name, says] of decoded) this.#note(name, shardOf(name, says));
    const alone = reading.kind === 'full' ? succeeded(decoded, (name) => reading.read.get(name)?.znode.czxid ?? '0') : decoded;
    return weighed(alone, this.#vectors);
  }

  #note(name: string, shard: string | null): void {
    const before = this.#shards.get(name) ?? null;
    if (before !== shard) this.#forget([name]);
    if (shard === null) return;
    const others = this.#members.get(shard) ?? new Set();
    this.#members.set(shard, others.add(name));
    this.#shards.set(name, shard);
    this.#noteShared(others);
  }

  #forget(names: readonly string[]): void {
    for (const name of names) {
      const shard = this.#shards.get(name);
      const others = this.#members.get(shard ?? '');
      if (shard === undefined || others === undefined) continue;
      this.#noteShared(others);
      others.delete(name);
      this.#shards.delete(name);
      if (others.size === 0) this.#members.delete(shard);
    }
  }

  #noteShared(members: ReadonlySet<string>): void {
    if (members.size < 2) return;
    this.#bears = true;
    this.#isUsed = true;
  }
}
