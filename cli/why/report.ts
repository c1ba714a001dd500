/**
 * PURE. What `pointsman why` says, as values: this is the shape of `--json` (format 1: keys are added, none changes its meaning). Times are ms since the
 * epoch, of the streams in Redis.
 */
import type { EventId, InstanceId, ProxyId, ServiceName } from '../../shared/model/ids.ts';

export const WHY_FORMAT = 1;

export interface WhyReport {
  readonly format: typeof WHY_FORMAT;
  /** The moment that is told of. */
  readonly at: number;
  /** Whether that is a moment of the past (`--at`): then everything is as the logs have it. */
  readonly past: boolean;
  readonly service: ServiceName;
  /** null: the service as a whole. */
  readonly instance: InstanceId | null;
  /** One word; `unknown` when the log does not say it. */
  readonly state: string;
  readonly since: number | null;
  /** Why it is so, and what else keeps it out or may: the nearest cause first. */
  readonly reasons: readonly Reason[];
  /** Of the service as a whole; else null. */
  readonly overview: Overview | null;
  /** What led to it, oldest first: of the instance, or the latest of the service. */
  readonly chain: readonly Link[];
  /** Links that stand before those of `chain`. */
  readonly earlier: number;
  readonly proxies: readonly ProxyStanding[];
  /** Proxies that are not listed: `--proxy` shows one. */
  readonly moreProxies: number;
  /** What the reader must know of the answer itself. */
  readonly notes: readonly string[];
}

export interface Reason {
  /** A state's word, or e.g. `not-registered`, `service-not-configured`, `watcher-absent`, `proxy-blocked`. */
  readonly code: string;
  readonly text: string;
  readonly proxy: ProxyId | null;
  readonly since: number | null;
  /** A deadline, or the next try. */
  readonly until: number | null;
}

export interface Overview {
  readonly path: string | null;
  /** Of several paths of which only one is active, that one; null: it is not so. */
  readonly activePath: string | null;
  readonly check: string | null;
  /** When the config was last published, as far as the log says. */
  readonly configured: number | null;
  /** When the service was first read completely. */
  readonly complete: number | null;
  readonly guard: { readonly state: string; readonly held: number; readonly since: number | null; readonly until: number | null };
  /** Instances by state. */
  readonly states: Readonly<Record<string, number>>;
}

/** An event, what it made of the instance, and what was done for it on each proxy. */
export interface Link {
  readonly event: { readonly id: EventId; readonly time: number; readonly type: string; readonly text: string };
  readonly instance: InstanceId;
  readonly from: string;
  readonly to: string;
  /** What changed, and why. */
  readonly text: string;
  readonly until: number | null;
  readonly actions: readonly Action[];
  /** Actions that are not listed. */
  readonly moreActions: number;
}

export interface Action {
  readonly proxy: ProxyId;
  readonly at: number;
  /** `command`, or how the backend came to stand: `in-sync`, `blocked` and so on. */
  readonly kind: string;
  /** The command, or the detail. */
  readonly text: string;
  /** Why the command was sent. */
  readonly reason: string | null;
  /** null: no answer is on record. */
  readonly outcome: string | null;
  readonly reply: string | null;
  readonly ms: number | null;
}

export interface ProxyStanding {
  readonly proxy: ProxyId;
  /** Whether it carries the service. */
  readonly carried: boolean;
  /** Whether requests may come there: `in`, `out`, or `unknown`. Of a service as a whole null. */
  readonly rotation: 'in' | 'out' | 'unknown' | null;
  /** How the backend stands. */
  readonly state: string;
  readonly since: number | null;
  readonly detail: string | null;
  readonly nextTry: number | null;
  /** What its checks say of the instance; null: nothing. */
  readonly verdict: string | null;
  readonly verdictSince: number | null;
  /** Why they fail, in HAProxy's words; null: they do not, or it is not known. */
  readonly verdictDetail: string | null;
  /** When its reconciler was last heard of; null: never. */
  readonly lastSeen: number | null;
}
