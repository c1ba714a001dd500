/**
 * The routes of one pass over one proxy: the map of the shared frontend as this worker has it, changed for each service that is looked at, and its file
 * behind it. A service is routed while its backend is there. What is changed was read first, under the claim; a full pass reads the whole map, and
 * a look at one service only its own key.
 */
import { errorFields, PointsmanError } from '../../shared/errors.ts';
import type { RuntimeConnection } from '../../shared/haproxy/connection.ts';
import { writeManaged } from '../../shared/haproxy/managed-folder.ts';
import { assertLiving, sameWorker } from '../../shared/haproxy/observe.ts';
import { ROUTES_FILE, routesPath } from '../../shared/haproxy/render-http.ts';
import { renderRoutes } from '../../shared/haproxy/render-routes.ts';
import { changeRoutes, type RouteChange, type RouteResult, readRoutes, routeCommand, routeOf } from '../../shared/haproxy/routes.ts';
import type { ServiceName } from '../../shared/model/ids.ts';
import type { WorkerIdentity } from '../../shared/model/observed.ts';
import { routeKey } from '../../shared/model/route.ts';
import type { ServiceConfig } from '../../shared/model/service-config.ts';
import type { ProxyAgent } from './proxy-agent.ts';

export interface Routed {
  readonly results: readonly RouteResult[];
  /** Why it is not routed as it should be; null: it is. */
  readonly blocked: string | null;
}

const NOTHING: Routed = { results: [], blocked: null };

export class RoutePass {
  readonly #agent: ProxyAgent;
  readonly #connection: RuntimeConnection;
  readonly #worker: WorkerIdentity;
  readonly #full: boolean;
  readonly #folder: string;
  readonly #map: string;
  /** As read in this pass, with its changes; null: the worker has no such map. undefined: not read yet. */
  #routes: Map<string, ServiceName> | null | undefined;
  #changed = false;

  private constructor(agent: ProxyAgent, connection: RuntimeConnection, worker: WorkerIdentity, full: boolean, folder: string) {
    this.#agent = agent;
    this.#connection = connection;
    this.#worker = worker;
    this.#full = full;
    this.#folder = folder;
    this.#map = routesPath(folder);
  }

  /** null: the proxy has no shared frontend. */
  static of(agent: ProxyAgent, connection: RuntimeConnection, worker: WorkerIdentity, full: boolean): RoutePass | null {
    const { http, managed } = agent.config;
    return http === undefined || managed === null ? null : new RoutePass(agent, connection, worker, full, managed);
  }

  /** What is to be changed for a service that is reached as `config` says; null: it is not to be reached. */
  async changes(service: ServiceName, config: ServiceConfig | null): Promise<{ changes: RouteChange[]; blocked: string | null }> {
    const key = config === null ? null : routeKey(config);
    if (await this.#isAsLastSeen(service, key, config === null)) return { changes: [], blocked: null };
    const routes = await this.#read();
    if (routes === null) return { changes: [], blocked: null };
    const changes = [...routes].flatMap(([held, by]): RouteChange[] =>
      by === service && held !== key ? [{ key: held, from: service, to: null }] : [],
    );
    const holder = key === null ? null : (routes.get(key) ?? null);
    if (key === null || holder === service) return { changes, blocked: null };
    if (holder !== null && (await this.#claims(holder, key))) return { changes, blocked: `${key} is already the route of ${holder}` };
    return { changes: [{ key, from: holder, to: service }, ...changes], blocked: null };
  }

  /** Changes it. Asked before: whether the claim is still ours. */
  async settle(service: ServiceName, config: ServiceConfig | null, stillClaimed: () => boolean): Promise<Routed> {
    const { changes, blocked } = await this.changes(service, config);
    if (changes.length === 0 || !stillClaimed()) return { ...NOTHING, blocked };
    const results = await changeRoutes(this.#connection, this.#map, changes);
    this.#changed = true;
    const routes = this.#routes;
    for (const { change, outcome } of results) {
      if (outcome === 'refused' || !routes) continue;
      if (change.to === null) routes.delete(change.key);
      else routes.set(change.key, change.to);
    }
    // A connection from before a reload would have changed the old worker's.
    await assertLiving(this.#connection, this.#worker);
    const refused = results.find(({ outcome }) => outcome === 'refused');
    return { results, blocked: blocked ?? (refused === undefined ? null : `HAProxy refused ${refused.command}: ${refused.reply}`) };
  }

  command(change: RouteChange): string {
    return routeCommand(this.#map, change);
  }

  /** The file behind the map, when that was changed, and at every full pass. */
  async finish(): Promise<void> {
    if (!this.#changed && !this.#full) return;
    try {
      const routes = await this.#read();
      if (routes !== null) await writeManaged(this.#folder, ROUTES_FILE, renderRoutes(routes));
    } catch (error) {
      if (!(error instanceof PointsmanError) || error.code !== 'FILE_WRITE_FAILED') throw error;
      this.#agent.ports.logger.error({ proxy: this.#agent.config.id, ...errorFields(error) }, 'the routes are not on disk');
    }
  }

  /** One round trip, or none: whether the key is the service's, and no other was when it was last seen. */
  async #isAsLastSeen(service: ServiceName, key: string | null, unwanted: boolean): Promise<boolean> {
    const kept = this.#agent.routes;
    if (this.#full || unwanted || this.#routes !== undefined || kept === null || !sameWorker(kept.worker, this.#worker)) return false;
    if ([...kept.routes].some(([held, by]) => by === service && held !== key)) return false;
    return key === null || (await routeOf(this.#connection, this.#map, key)) === service;
  }

  async #read(): Promise<Map<string, ServiceName> | null> {
    if (this.#routes === undefined) {
      this.#routes = await readRoutes(this.#connection, this.#map);
      this.#agent.routes = this.#routes === null ? null : { worker: this.#worker, routes: this.#routes };
    }
    return this.#routes;
  }

  /** Whether the service that has the key should have it. */
  async #claims(holder: ServiceName, key: string): Promise<boolean> {
    const { backend } = await this.#agent.ports.desired.read(holder);
    return backend !== null && routeKey(backend.config) === key;
  }
}
