/** One look at the world for the display: the instances of every service, with what the demo knows of their processes. */
import type { InstanceId, ServiceName } from '../../shared/model/ids.ts';
import type { Row } from './frame.ts';
import type { Instance } from './instance.ts';
import type { Load } from './load.ts';
import type { Stack } from './stack.ts';
import type { Seen } from './timeline.ts';
import type { World } from './world.ts';

export interface WorldView {
  /** By service and instance. */
  readonly rows: readonly Omit<Row, 'selected'>[];
  readonly held: ReadonlySet<ServiceName>;
  readonly reloads: number;
  readonly reloadReason: string | null;
}

export class WorldViewer {
  readonly #stack: Stack;
  readonly #world: World;
  readonly #load: Load;

  constructor(stack: Stack, world: World, load: Load) {
    this.#stack = stack;
    this.#world = world;
    this.#load = load;
  }

  async look(): Promise<WorldView> {
    const rows: Omit<Row, 'selected'>[] = [];
    const held = new Set<ServiceName>();
    for (const { name } of this.#stack.services) {
      if (await this.#world.isHeld(name)) held.add(name);
      rows.push(...(await this.#rows(name)));
    }
    const [reloads, reloadReason] = await Promise.all([this.#world.reloads(), this.#world.lastReloadReason()]);
    return { rows, held, reloads, reloadReason };
  }

  async #rows(service: ServiceName): Promise<Omit<Row, 'selected'>[]> {
    const known = await this.#world.instances(service);
    const own = new Map(
      this.#stack.instances.filter((instance) => instance.service === service).map((instance) => [instance.id, instance]),
    );
    const ids = [...new Set([...known.keys(), ...own.keys()])].sort();
    return ids.flatMap((id) => {
      const view = known.get(id);
      const instance = own.get(id);
      const state = view?.state ?? 'gone';
      // What is gone and has no process is history.
      if (state === 'gone' && instance?.child.running !== true) return [];
      return [
        {
          id,
          service,
          state,
          health: state === 'gone' ? '' : (view?.health ?? ''),
          requests: this.#requests(id, instance),
          process: processOf(instance),
          refused: view?.refused ?? null,
        },
      ];
    });
  }

  #requests(id: InstanceId, instance: Instance | undefined): number | null {
    return instance === undefined ? null : Math.max(instance.traffic.requests, this.#load.byInstance.get(id) ?? 0);
  }
}

export function summaryOf(view: WorldView, load: Load): Seen {
  return {
    states: new Map(view.rows.map(({ id, service, state, refused }) => [id, { service, state, refused }])),
    held: view.held,
    reloads: view.reloads,
    reloadReason: view.reloadReason,
    failed: load.failed,
    failure: load.failures.at(-1)?.what ?? null,
  };
}

function processOf(instance: Instance | undefined): string {
  if (instance === undefined) return '';
  if (!instance.child.running) return 'killed';
  return instance.hanging ? 'hangs' : `pid ${instance.child.pid}`;
}
