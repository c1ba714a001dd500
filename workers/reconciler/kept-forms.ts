/**
 * With which options the servers of a proxy's worker were made, where that is not what their backend was loaded with: HAProxy does not say. Kept with the
 * proxy's state and read with the claim. What is lost here costs that servers are made anew once more.
 */
import type { CommandResult } from '../../shared/haproxy/apply.ts';
import { sameWorker } from '../../shared/haproxy/observe.ts';
import { formOf } from '../../shared/haproxy/render-service.ts';
import { isRecord } from '../../shared/model/event-form.ts';
import type { ServiceName } from '../../shared/model/ids.ts';
import type { ObservedBackend, WorkerIdentity } from '../../shared/model/observed.ts';

interface Made {
  /** Of every server that is not named; null: what the backend was loaded with. */
  readonly base: string | null;
  readonly except: ReadonlyMap<string, string>;
}

const NONE: Made = { base: null, except: new Map() };

export class KeptForms {
  #worker: WorkerIdentity | null = null;
  #services = new Map<ServiceName, Made>();
  #text = '';

  /** `text`: as it was kept; of another worker than `worker`, it is over. */
  read(text: string, worker: WorkerIdentity): void {
    if (text !== this.#text || this.#worker === null || !sameWorker(this.#worker, worker)) this.#services = servicesIn(text, worker);
    this.#text = text;
    this.#worker = worker;
  }

  /** The backend with the form that its servers have but for those of `made`. */
  of(observed: ObservedBackend): { readonly observed: ObservedBackend; readonly made: ReadonlyMap<string, string> } {
    const { base, except } = this.#services.get(observed.name) ?? NONE;
    return { observed: base === null ? observed : { ...observed, form: base }, made: except };
  }

  /** Notes what was added and deleted, and what is left of it. `after`: the backend as it is now. Answers what is to be kept; null: as it was. */
  note(results: readonly CommandResult[], after: ObservedBackend): string | null {
    const { base, except } = this.#services.get(after.name) ?? NONE;
    const made = new Map(except);
    for (const { command, outcome } of results) {
      if (command.kind === 'delete' && (outcome === 'done' || outcome === 'gone')) made.delete(command.server);
      if (command.kind === 'add' && outcome === 'done') made.set(command.server, formOf(command.config));
    }
    const next = settled(base, made, after);
    if (next.base === null && next.except.size === 0) this.#services.delete(after.name);
    else this.#services.set(after.name, next);
    const text = this.#written();
    if (text === this.#text) return null;
    this.#text = text;
    return text;
  }

  #written(): string {
    if (this.#worker === null || this.#services.size === 0) return '';
    const services = [...this.#services].sort(([a], [b]) => (a < b ? -1 : 1));
    return JSON.stringify({
      worker: this.#worker,
      services: Object.fromEntries(
        services.map(([name, { base, except }]) => [name, { base, except: Object.fromEntries([...except].sort()) }]),
      ),
    });
  }
}

/** Those that are there; when all of them have one form, that is the base. */
function settled(base: string | null, made: ReadonlyMap<string, string>, { form, servers }: ObservedBackend): Made {
  const usual = base ?? form;
  const except = new Map([...made].filter(([server, one]) => servers.has(server) && one !== usual));
  const [first] = except.values();
  if (first === undefined || except.size < servers.size || [...except.values()].some((one) => one !== first)) return { base, except };
  return { base: first === form ? null : first, except: new Map() };
}

function servicesIn(text: string, worker: WorkerIdentity): Map<ServiceName, Made> {
  const services = new Map<ServiceName, Made>();
  let kept: unknown = null;
  try {
    kept = text === '' ? null : JSON.parse(text);
  } catch {
    return services;
  }
  if (!isRecord(kept) || !isRecord(kept['services']) || !isRecord(kept['worker'])) return services;
  if (!sameWorker(kept['worker'] as unknown as WorkerIdentity, worker)) return services;
  for (const [name, one] of Object.entries(kept['services'])) {
    if (!isRecord(one) || !isRecord(one['except'])) continue;
    services.set(name, { base: one['base'] as string | null, except: new Map(Object.entries(one['except'] as Record<string, string>)) });
  }
  return services;
}
