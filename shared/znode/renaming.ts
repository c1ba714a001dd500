/**
 * PURE. What a change of a service's paths does to the view: from one path to several, znodes are named by their whole paths from then on. The fold does the
 * same to the instances when it hears of the new config (machines/stand-by.ts), so both are told in one step.
 */
import type { ServiceEvent } from '../model/event.ts';
import { namedParent, renamed, renamedBelow, type ServicePath } from '../model/service-path.ts';
import type { ViewEntry } from './view.ts';

export interface Renaming {
  readonly view: ReadonlyMap<string, ViewEntry>;
  readonly set: ReadonlyMap<string, ViewEntry>;
  readonly remove: readonly string[];
  /** Of another znode that was on record under a name that is now taken: it went. They come before the config. */
  readonly events: readonly ServiceEvent[];
}

/** null: none are renamed. */
export function renaming(view: ReadonlyMap<string, ViewEntry>, before: ServicePath | null, after: ServicePath): Renaming | null {
  const below = renamedBelow(before, after);
  if (below === null) return null;
  const own = [...view].filter(([name]) => namedParent(name) === null);
  const set = new Map(own.map(([name, entry]) => [renamed(name, below), entry]));
  const events = [...set].flatMap(([name, entry]): ServiceEvent[] => {
    const other = view.get(name);
    if (other === undefined || (other.instance === entry.instance && other.czxid === entry.czxid)) return [];
    const { czxid, mzxid, version, instance } = other;
    return [{ type: 'deregistered', instance, znode: { name, czxid, mzxid, version } }];
  });
  const left = [...view].filter(([name]) => namedParent(name) !== null);
  return { view: new Map([...left, ...set]), set, remove: own.map(([name]) => name), events };
}
