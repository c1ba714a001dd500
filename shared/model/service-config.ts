/** PURE. A service's effective config: every default filled in, no secrets. Published as the `configured` event. Times in ms. */
import type { ServiceName } from './ids.ts';
import type { Prefer } from './prefer.ts';
import type { ServerOptions } from './server-options.ts';
import { isSameRead, type ServicePath } from './service-path.ts';
import type { Weights } from './weights.ts';
import type { Where } from './where.ts';

export type CheckConfig =
  | { readonly type: 'none' }
  | ({ readonly type: 'tcp' } & CheckNumbers)
  | ({ readonly type: 'http'; readonly method: string; readonly path: string } & HttpCheck & CheckNumbers);

/** What an HTTP check says besides, and what it takes for a good answer. Missing: HTTP/1.0 without headers, and a status of 2xx or 3xx. */
export interface HttpCheck {
  /** The Host header; with it the check speaks HTTP/1.1. */
  readonly host?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly expect?: {
    /** Codes and ranges: `200`, `200-299,401`. */
    readonly status?: string;
    /** A text that the body must contain. */
    readonly body?: string;
  };
}

export interface CheckNumbers {
  readonly interval: number;
  /** Between checks while a server is between up and down, and while it is down; missing: 250 ms, or `interval` if that is shorter. */
  readonly fastInterval?: number;
  readonly downInterval?: number;
  readonly rise: number;
  readonly fall: number;
  /** Where checks go instead of the server's own port, and address. */
  readonly port?: number;
  readonly address?: string;
}

export interface Allow {
  readonly cidrs: readonly string[];
  readonly loopback: boolean;
  readonly names: boolean;
}

export interface Guard {
  /** 0..1: the share of a service's instances whose loss is believed at once; 1 turns the hold off. */
  readonly maxLoss: number;
  readonly window: number;
  readonly hold: number;
}

export interface Flap {
  /** Changes of registration or health within `window` that are still taken for normal. */
  readonly transitions: number;
  readonly window: number;
  /** The first quarantine; each that soon follows is twice as long. */
  readonly quarantine: number;
}

export type RegistrationFormat = 'auto' | 'address' | 'nerve' | 'serverset' | 'curator';

export interface ServiceConfig {
  readonly name: ServiceName;
  /** The parent of the instances' znodes, or several, under the chroot if there is one. */
  readonly path: ServicePath;
  readonly format: RegistrationFormat;
  /** A named endpoint of the registrations: a serverset's, or `ssl` of Curator's; missing: the format's own. */
  readonly endpoint?: string;
  /** Missing: every instance may be used. */
  readonly where?: Where;
  /** The others take requests only while none of these is up (HAProxy backup servers); missing: all are alike. */
  readonly prefer?: Prefer;
  /** With `prefer`: the others take requests all the time, with this share of their weight (above 0, below 1). */
  readonly farWeight?: number;
  /** Missing: weights count as they are registered. */
  readonly weights?: Weights;
  /** `address:port` of the frontend; null: a backend only. */
  readonly listen: string | null;
  /** Requests for this host, and below this path, come to it through the shared HTTP frontend of its proxies (route.ts). */
  readonly host?: string;
  readonly pathPrefix?: string;
  readonly mode: 'http' | 'tcp';
  readonly balance: string;
  readonly check: CheckConfig;
  /** A service's own timeouts; null: the proxy's default holds. */
  readonly timeouts: {
    readonly connect: number | null;
    readonly client: number | null;
    readonly server: number | null;
    readonly check: number | null;
    readonly queue: number | null;
  };
  readonly server: ServerOptions;
  /** Sessions stay with a server by a cookie of this name (mode http). */
  readonly cookie?: { readonly name: string };
  /** HAProxy's own words; missing: the proxy's default holds. */
  readonly retries?: number;
  readonly redispatch?: boolean;
  readonly retryOn?: string;
  /** `address:port`: servers that take requests while no registered one does. */
  readonly fallback?: readonly string[];
  /** Lines of the operator's own, for the service's sections. */
  readonly extra?: { readonly backend?: readonly string[]; readonly frontend?: readonly string[] };
  readonly drainTimeout: number;
  readonly guard: Guard;
  /** null: flapping is not looked for. */
  readonly flap: Flap | null;
  /** ms in which a new instance's weight rises to what it registered; null: at once. */
  readonly warmUp: number | null;
  readonly allow: Allow;
  readonly maxInstances: number;
}

/** A config as an earlier version published it, with what it did not know yet turned off. */
export function effectiveConfig(published: Omit<ServiceConfig, 'flap' | 'warmUp'> & Partial<ServiceConfig>): ServiceConfig {
  return { flap: null, warmUp: null, ...published };
}

/** Whether the same znodes are read in the same way. */
export function readsAlike(a: ServiceConfig, b: ServiceConfig): boolean {
  return isSameRead(a.path, b.path) && a.format === b.format && a.endpoint === b.endpoint;
}
