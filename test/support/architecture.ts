/**
 * The direction of dependencies, as a table and a check over the text of the sources. What can be said of one file alone
 * (globals, node: modules, adapters) is lint's business, see .oxlintrc.json; here is what needs the whole tree.
 */
import { dirname, normalize } from 'node:path';

/** The most specific folder wins. A layer may import itself and what is listed. */
const LAYERS: Readonly<Record<string, readonly string[]>> = {
  'shared/errors.ts': [],
  'shared/model': ['shared/errors.ts'],
  'shared/znode': ['shared/errors.ts', 'shared/model'],
  'shared/plan': ['shared/errors.ts', 'shared/model', 'shared/znode'],
  machines: ['shared/errors.ts', 'shared/model', 'shared/znode', 'shared/plan'],
  'shared/observability': ['shared/errors.ts', 'shared/model'],
  'shared/runtime': ['shared/errors.ts', 'shared/model', 'shared/observability'],
  'shared/config': ['shared/errors.ts', 'shared/model', 'shared/znode', 'shared/observability', 'shared/runtime'],
  'shared/haproxy': ['shared/errors.ts', 'shared/model', 'shared/plan', 'shared/observability', 'shared/runtime'],
  'shared/zookeeper': ['shared/errors.ts', 'shared/model', 'shared/znode', 'shared/observability', 'shared/runtime'],
  'shared/redis': ['shared/errors.ts', 'shared/model', 'shared/znode', 'shared/observability', 'shared/runtime'],
  workers: ['shared', 'machines'],
  cli: ['shared', 'machines', 'workers', 'package.json'],
};

/**
 * Who may import a package; a package that is not listed may be imported anywhere but in a PURE file. Workers may name its types:
 * they hold what the adapters made.
 */
const PACKAGES: Readonly<Record<string, readonly string[]>> = {
  'node-zookeeper-client': ['shared/zookeeper'],
  ioredis: ['shared/redis'],
  bullmq: ['shared/redis', 'workers/dashboard'],
  xstate: ['machines'],
  pino: ['shared/observability'],
  commander: ['cli'],
  picocolors: ['cli'],
  fastify: ['workers/dashboard', 'workers/registrar', 'workers/http-listener.ts', 'workers/own-metrics.ts'],
};

/** Packages that compute and do nothing else, and of Node's modules the functions that do. */
const PURE_PACKAGES: Readonly<Record<string, readonly string[] | 'all'>> = {
  xstate: 'all',
  yaml: 'all',
  zod: 'all',
  'node:crypto': ['createHash'],
  'node:net': ['BlockList', 'isIP', 'isIPv4', 'isIPv6'],
  'node:path': ['basename', 'dirname', 'isAbsolute', 'join', 'normalize', 'posix'],
};
const PURE_FOLDERS = ['machines', 'shared/model', 'shared/znode', 'shared/plan', 'shared/errors.ts'];

export interface Import {
  readonly specifier: string;
  readonly typeOnly: boolean;
  /** The names of `{ a, type B, c as d }` as exported, without types; null: the whole module. */
  readonly names: readonly string[] | null;
}

export function importsOf(text: string): readonly Import[] {
  const found: Import[] = [];
  const statement = /^(?:import|export)\s+(type\s+)?(?:([^'";]*?)\sfrom\s+)?'([^']+)'/gm;
  for (const [, type, clause, specifier] of text.matchAll(statement)) {
    if (specifier !== undefined) found.push({ specifier, typeOnly: type !== undefined, names: namesOf(clause) });
  }
  for (const [, specifier] of text.matchAll(/\bimport\(\s*'([^']+)'/g)) {
    if (specifier !== undefined) found.push({ specifier, typeOnly: false, names: null });
  }
  return found;
}

function namesOf(clause: string | undefined): readonly string[] | null {
  const braces = /^\{(.*)\}$/s.exec(clause?.trim() ?? '');
  if (braces === null) return null;
  const names = (braces[1] ?? '').split(',').map((name) => name.trim());
  return names.filter((name) => name !== '' && !name.startsWith('type ')).map((name) => name.split(/\s+as\s+/)[0] ?? name);
}

/** By folder, or because the file's first comment opens with PURE. */
export function isPure(path: string, text: string): boolean {
  return within(path, PURE_FOLDERS) || /^(?:#!.*\n)?\s*\/\*\*?\s*(?:\*\s*)?PURE\b/.test(text);
}

/** Every breach of the direction, as `path: what`. `files` is path → text of all sources. */
export function breaches(files: ReadonlyMap<string, string>): readonly string[] {
  const found: string[] = [];
  for (const [path, text] of files) {
    const layer = layerOf(path);
    if (layer === null) {
      found.push(`${path}: belongs to no layer (test/support/architecture.ts)`);
      continue;
    }
    for (const imported of importsOf(text)) {
      const why = imported.specifier.startsWith('.') ? relativeBreach(path, layer, imported, files) : packageBreach(path, text, imported);
      if (why !== null) found.push(`${path}: ${why}`);
    }
  }
  return found;
}

function relativeBreach(path: string, layer: string, imported: Import, files: ReadonlyMap<string, string>): string | null {
  const target = normalize(`${dirname(path)}/${imported.specifier}`);
  if (!within(target, [layer, ...(LAYERS[layer] ?? [])])) return `${layer} may not import ${target}`;
  const text = files.get(target);
  if (text === undefined) return target.endsWith('.json') ? null : `imports ${target}, which is not there`;
  const pure = isPure(path, files.get(path) ?? '');
  return pure && !imported.typeOnly && !isPure(target, text) ? `is PURE and may import only types of ${target}, which is not` : null;
}

function packageBreach(path: string, text: string, { specifier, typeOnly, names }: Import): string | null {
  const owners = PACKAGES[packageName(specifier)];
  if (owners !== undefined && !within(path, owners) && !(typeOnly && within(path, ['workers'])))
    return `${specifier} belongs to ${owners.join(', ')}`;
  if (!isPure(path, text) || typeOnly) return null;
  const allowed = PURE_PACKAGES[specifier];
  if (allowed === undefined) return `is PURE and may not import ${specifier}`;
  if (allowed === 'all' || names?.every((name) => allowed.includes(name))) return null;
  return `is PURE and may import only ${allowed.join(', ')} of ${specifier}`;
}

function packageName(specifier: string): string {
  const parts = specifier.split('/');
  return specifier.startsWith('@') ? parts.slice(0, 2).join('/') : (parts[0] ?? specifier);
}

function layerOf(path: string): string | null {
  return Object.keys(LAYERS).find((layer) => within(path, [layer])) ?? null;
}

function within(path: string, folders: readonly string[]): boolean {
  return folders.some((folder) => path === folder || path.startsWith(`${folder}/`));
}
