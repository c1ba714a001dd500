/**
 * PURE. What can be asked of a running HAProxy, as values: a plan is made of these, shown as these and stored as these. How one is said
 * at the runtime API is the encoder's matter (shared/haproxy/protocol.ts), and no command can carry text that is not one of these fields.
 */
import type { ServiceConfig } from '../model/service-config.ts';

interface At {
  readonly backend: string;
  /** The server's name. */
  readonly server: string;
}

export type Command =
  /** A new server, by the recipe that gives it no request before a good check. `config`: what its words are made from. */
  | (At & {
      readonly kind: 'add';
      readonly id: number;
      /** An IP address, without brackets. */
      readonly address: string;
      readonly port: number;
      readonly weight: number;
      readonly maxConn?: number;
      readonly backup?: boolean;
      readonly config: Pick<ServiceConfig, 'check' | 'server' | 'cookie'>;
    })
  /** A server that is there but in maint, or half made: the same recipe without the add. `checked`: it has a health check; `agent`: and an agent. */
  | (At & { readonly kind: 'admit'; readonly checked: boolean; readonly agent?: boolean })
  /** Turns on a configured check that is off. */
  | (At & { readonly kind: 'enable-health' })
  /** Ends drain; what the checks found meanwhile holds. */
  | (At & { readonly kind: 'ready' })
  /** No new requests; sessions go on. */
  | (At & { readonly kind: 'drain' })
  /** As drain, and no checks; a server must be in maint to be deleted. */
  | (At & { readonly kind: 'maint' })
  | (At & { readonly kind: 'address'; readonly address: string; readonly port: number })
  | (At & { readonly kind: 'weight'; readonly weight: number })
  | (At & { readonly kind: 'max-conn'; readonly maxConn: number })
  /** Where its checks go. null: that part stays as it is. */
  | (At & { readonly kind: 'check-target'; readonly address: string | null; readonly port: number | null })
  /** Where its agent is asked. null: that part stays as it is. */
  | (At & { readonly kind: 'agent-target'; readonly address: string | null; readonly port: number | null })
  /** Cuts the sessions that are left. */
  | (At & { readonly kind: 'shutdown-sessions' })
  | (At & { readonly kind: 'delete' });

export type CommandKind = Command['kind'];

/**
 * done: HAProxy did it · already: it was so · busy: not yet, connections are left · gone: the server or backend is not there ·
 * refused: HAProxy said no for good.
 */
export type Outcome = 'done' | 'already' | 'busy' | 'gone' | 'refused';
