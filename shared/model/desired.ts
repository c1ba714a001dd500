/** PURE. What a proxy should have: the projection of the instance machines, written by the transition worker. */
import type { ByHand } from './by-hand.ts';
import type { EventId, InstanceId, ServiceName } from './ids.ts';
import { MAX_CONN_MAX } from './server-options.ts';
import type { ServiceConfig } from './service-config.ts';

/** HAProxy's ids collide 2^20 apart under consistent hashing (2.6), so they stay below that. */
export const SERVER_ID_MAX = 1_000_000;

/** HAProxy's own limit. */
export const WEIGHT_MAX = 256;

/** Far more than a service has paths. */
export const TIER_MAX = 100;

export interface DesiredServer {
  readonly instance: InstanceId;
  /** The server's name in HAProxy. */
  readonly name: string;
  /** Explicit and stable, the same on every proxy: 1..1,000,000. */
  readonly id: number;
  /** An IP address, canonical, without brackets. */
  readonly address: string;
  readonly port: number;
  /** 0..256: where servers of its tier take requests; elsewhere it is 0 (shared/plan/weights-here.ts). */
  readonly weight: number;
  /**
   * drain: no new requests; deleted from a proxy once its sessions there have ended. out: no new requests for now; it stays, and its checks go on. An
   * instance that is gone is not listed.
   */
  readonly admin: 'ready' | 'drain' | 'out';
  /** Connections to it at once; missing: the service's `server.maxConn`. */
  readonly maxConn?: number;
  /** It takes requests only while no other server is up; missing: it takes its share. */
  readonly backup?: boolean;
  /** Which of its service's paths in order it is of, 1..TIER_MAX; missing: the first, or there is no order. */
  readonly tier?: number;
  /** It is kept without a registration, in a service of paths in order; missing: it is registered, or there is no order. */
  readonly held?: boolean;
  /** Of what somebody set on HAProxy, what is kept up in place of the above (shared/plan/overrides.ts). Never stored. */
  readonly byHand?: Pick<ByHand, 'admin' | 'maxConn'>;
}

export interface DesiredBackend {
  readonly service: ServiceName;
  /** Rises with every commit of the service's transition worker. */
  readonly revision: number;
  /** The last event of the service's log that is folded into it. */
  readonly cursor: EventId;
  readonly config: ServiceConfig;
  /** false: the service was not read completely yet, so a server that is not listed may belong to an instance that was not heard of. */
  readonly complete: boolean;
  /** Names of servers whose instances went or were rejected after they had been accepted, by decision of the machines; only the last ones. */
  readonly gone: ReadonlySet<string>;
  /** When an operator last believed the registry (`release`, `resync --trust`), ms since the epoch; null: never. */
  readonly released: number | null;
  /** By server name. */
  readonly servers: ReadonlyMap<string, DesiredServer>;
  /** Names of servers that somebody added on HAProxy by hand, and that stay; missing: none. Never stored. */
  readonly foreign?: ReadonlySet<string>;
}

/** What is known of a service's desired state. */
export interface Desired {
  readonly revision: number;
  /** The last event that is folded into this revision; null: none. */
  readonly cursor: EventId | null;
  /** false: Redis knows nothing of the service, which says nothing about what should be. */
  readonly known: boolean;
  /** null: the service is not configured (any more), or not known. */
  readonly backend: DesiredBackend | null;
}

/** What is stored under an instance; null: it is no such server. */
export function asDesiredServer(instance: string, json: string): DesiredServer | null {
  try {
    const server = ofThisForm(JSON.parse(json) as Partial<DesiredServer> | null);
    if (server?.instance !== instance || typeof server.name !== 'string' || typeof server.address !== 'string') return null;
    const numbers = isWhole(server.id, 1, SERVER_ID_MAX) && isWhole(server.port, 1, 65_535) && isWhole(server.weight, 0, WEIGHT_MAX);
    const placed = [server.backup, server.held].every((one) => one === undefined || typeof one === 'boolean');
    const ranked = server.tier === undefined || isWhole(server.tier, 0, TIER_MAX);
    const limited = server.maxConn === undefined || isWhole(server.maxConn, 1, MAX_CONN_MAX);
    return numbers && placed && ranked && limited && ADMINS.has(server.admin) ? (server as DesiredServer) : null;
  } catch {
    return null;
  }
}

/** An earlier form said of a server of a later path only that it stands by everywhere: until it is told anew, it takes requests where none of the first does. */
function ofThisForm(stored: (Partial<DesiredServer> & { readonly behind?: unknown }) | null): Partial<DesiredServer> | null {
  if (stored?.behind !== true) return stored;
  const { behind: _before, ...server } = stored;
  return { ...server, tier: 1, weight: BEHIND_WEIGHT };
}

type OwnOptions = Pick<DesiredServer, 'maxConn' | 'backup'>;

/** What it has for itself beside its address and weight; empty: all is as the service's config has it. */
export function ownOptions({ maxConn, backup }: OwnOptions): OwnOptions {
  return { ...(maxConn === undefined ? {} : { maxConn }), ...(backup === true ? { backup } : {}) };
}

/** Its own is not known. */
const BEHIND_WEIGHT = 1;

const ADMINS: ReadonlySet<unknown> = new Set<DesiredServer['admin']>(['ready', 'drain', 'out']);

function isWhole(value: unknown, least: number, most: number): boolean {
  return typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most;
}
