/**
 * The claim on a proxy (one writer at a time): a token in Redis with a short life, renewed while work goes on. Whoever cannot prove that
 * it still holds it stops before the next command; a crashed holder's claim ends by itself.
 */
import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import type { Redis } from 'ioredis';
import type { ProxyId, ServiceName } from '../model/ids.ts';
import type { Keys } from './keys.ts';
import { runScript } from './script.ts';
import { LET_GO, RENEW, TAKE } from './scripts.ts';

/** Says who holds it, for people. */
const HOLDER = `${hostname()}:${process.pid}`;
export const CLAIM_TTL_MS = 5_000;
const RENEW_EVERY_MS = 1_000;
/** Held only while so much of its life is certainly left: covers a slow clock and a batch in flight. */
const SAFETY_MS = 1_500;

/** What Redis has of the proxy as the claim is taken: what a pass begins with. */
export interface Found {
  /** By service name, sorted: the revision that it has to look at. */
  readonly dirty: ReadonlyMap<ServiceName, number>;
  /** The worker that was last seen, JSON. */
  readonly worker: string | null;
  /** With which options servers were made, as it was kept (workers/reconciler/kept-forms.ts). */
  readonly forms: string;
  /** The backend snapshots of the services that were asked for, JSON; those that have none are left out. */
  readonly backends: ReadonlyMap<ServiceName, string>;
}

export class Claim {
  readonly found: Found;
  readonly #redis: Redis;
  readonly #key: string;
  readonly #token: string;
  #goodUntil: number;
  #timer: NodeJS.Timeout | null;

  private constructor(redis: Redis, taken: { key: string; token: string; asked: number; found: Found }) {
    this.#redis = redis;
    this.#key = taken.key;
    this.#token = taken.token;
    this.#goodUntil = taken.asked + CLAIM_TTL_MS - SAFETY_MS;
    this.#timer = setInterval(() => void this.#renew(), RENEW_EVERY_MS);
    this.found = taken.found;
  }

  /** One trip. null: another has it. `services`: those whose backend snapshots are wanted with it. */
  static async take(redis: Redis, keys: Keys, proxy: ProxyId, services: readonly ServiceName[] = []): Promise<Claim | null> {
    const { claim: key, dirty, state, backends } = keys.proxy(proxy);
    const token = `${HOLDER}:${randomUUID()}`;
    const asked = performance.now();
    const answer = await runScript(redis, TAKE, [key, dirty, state, backends], [token, String(CLAIM_TTL_MS), ...services]);
    const [marks, worker, snapshots, forms] = answer as [string[]?, string?, string[]?, string?];
    if (marks === undefined) return null;
    const found = {
      dirty: marksOf(marks),
      worker: worker ? worker : null,
      forms: forms ?? '',
      backends: new Map(services.flatMap((service, index) => (snapshots?.[index] ? [[service, snapshots[index]] as const] : []))),
    };
    return new Claim(redis, { key, token, asked, found });
  }

  /** Whether it is certainly still ours, by our own monotonic clock. */
  held(): boolean {
    return performance.now() < this.#goodUntil;
  }

  async release(): Promise<void> {
    this.#stop();
    await runScript(this.#redis, LET_GO, [this.#key], [this.#token]).catch(() => undefined);
  }

  async #renew(): Promise<void> {
    const asked = performance.now();
    const renewed = await runScript(this.#redis, RENEW, [this.#key], [this.#token, String(CLAIM_TTL_MS)]).catch(() => null);
    if (renewed === 1) this.#goodUntil = asked + CLAIM_TTL_MS - SAFETY_MS;
    else if (renewed === 0) this.#stop();
  }

  #stop(): void {
    this.#goodUntil = 0;
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
  }
}

function marksOf(fields: readonly string[]): Map<ServiceName, number> {
  const marks: [ServiceName, number][] = [];
  for (let at = 0; at + 1 < fields.length; at += 2) marks.push([fields[at] as string, Number(fields[at + 1])]);
  return new Map(marks.sort(([a], [b]) => (a < b ? -1 : 1)));
}
