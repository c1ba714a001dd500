/**
 * PURE. Where a service's instances are registered: below one path, below several (`union`), or below the first of several that can serve (`first`); and how
 * their znodes are named in events, views and snapshots. Below one path that is a znode's own name; below several it is its whole path, so that
 * another order of them, or one more, renames nothing. Znodes' own names have no slash.
 */

export type ServicePath = string | { readonly union: readonly string[] } | { readonly first: readonly string[] };

/** As they are configured. */
export function pathsOf(path: ServicePath): readonly string[] {
  if (typeof path === 'string') return [path];
  return 'first' in path ? path.first : path.union;
}

/** Those of which only the first that can serve takes requests, in order; null: it is not so. */
export function tiersOf(path: ServicePath): readonly string[] | null {
  return typeof path !== 'string' && 'first' in path ? path.first : null;
}

/** For people. */
export function pathText(path: ServicePath): string {
  if (typeof path === 'string') return path;
  return `${'first' in path ? 'the first' : 'all'} of ${pathsOf(path).join(', ')}`;
}

/** Whether the same znodes are read under the same names. */
export function isSameRead(a: ServicePath, b: ServicePath): boolean {
  if (typeof a === 'string' || typeof b === 'string') return a === b;
  return new Set(pathsOf(a)).symmetricDifference(new Set(pathsOf(b))).size === 0;
}

export function childPath(parent: string, name: string): string {
  return parent === '/' ? `/${name}` : `${parent}/${name}`;
}

/** `parent`: the one of the service's paths that it is below. */
export function znodeName(path: ServicePath, parent: string, name: string): string {
  return typeof path === 'string' ? name : childPath(parent, name);
}

/** A znode's path, as far as its name or the service's path tells it. */
export function znodePath(path: ServicePath | null, name: string): string {
  return typeof path === 'string' && !name.startsWith('/') ? childPath(path, name) : name;
}

/** The parent that a whole path names; null: it is a znode's own name. */
export function namedParent(name: string): string | null {
  const slash = name.lastIndexOf('/');
  return slash < 0 ? null : name.slice(0, slash) || '/';
}

/** The configured path that a znode of this name is below; null: it is one of another config. */
export function parentOf(path: ServicePath, name: string): string | null {
  const parent = namedParent(name);
  if (typeof path === 'string') return parent === null ? path : null;
  return parent !== null && pathsOf(path).includes(parent) ? parent : null;
}

/** The path whose znodes have their own names before a change of the config, and their whole paths behind it; null: none are renamed. */
export function renamedBelow(before: ServicePath | null, after: ServicePath): string | null {
  return typeof before === 'string' && typeof after !== 'string' ? before : null;
}

/** What a znode is called behind such a change. */
export function renamed(name: string, below: string): string {
  return namedParent(name) === null ? childPath(below, name) : name;
}

/** Znodes that somebody may mean by a name: of that name, or else those whose own name it is. */
export function meant(name: string, known: Iterable<string>): string[] {
  const all = [...known];
  return all.includes(name) ? [name] : all.filter((one) => namedParent(one) !== null && one.endsWith(`/${name}`));
}
