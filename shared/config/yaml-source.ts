/**
 * PURE. A YAML text with positions: the plain value, where each key and value stands, and what is wrong with the YAML itself.
 * YAML errors are told without the source line, which may hold a secret.
 */
import { type Document, isAlias, isMap, isPair, isScalar, isSeq, LineCounter, type Node, type Pair, parseDocument, visit } from 'yaml';

export interface Position {
  readonly line: number;
  readonly column: number;
}

export interface YamlFault extends Position {
  readonly found: string;
  readonly expected: string;
}

export type KeyPath = readonly PropertyKey[];

export class YamlSource {
  readonly faults: readonly YamlFault[];
  readonly #document: Document;
  readonly #lines = new LineCounter();
  /** Nodes whose text was replaced, with what stood there. */
  readonly #written = new WeakMap<object, string>();

  constructor(text: string) {
    // The parser's own test for equal keys compares each with each: seconds, for ten thousand services.
    this.#document = parseDocument(text, { lineCounter: this.#lines, prettyErrors: false, version: '1.2', uniqueKeys: false });
    this.faults = [
      ...[...this.#document.errors, ...this.#document.warnings].map((error) => ({
        ...this.#at(error.pos[0]),
        ...wording(error.code, error.message),
      })),
      ...this.#forbidden(),
    ];
    if (this.faults.length === 0) this.faults = this.#multiplyingAliases();
  }

  /** The plain value. Only without faults. */
  value(): unknown {
    return this.#document.toJS();
  }

  /** Replaces every scalar text by what `replace` makes of it. Keys stay. */
  replaceTexts(replace: (text: string, where: () => { path: KeyPath; position: Position }) => string): void {
    visit(this.#document, {
      Scalar: (key, scalar, ancestors) => {
        if (key === 'key' || typeof scalar.value !== 'string') return;
        const where = () => ({ path: pathOf(key, ancestors), position: this.#at(scalar.range?.[0] ?? 0) });
        const text = replace(scalar.value, where);
        if (text === scalar.value) return;
        this.#written.set(scalar, scalar.value);
        scalar.value = text;
      },
    });
  }

  /** The text that stood in the file where `replaceTexts` put another; null when it did not. */
  writtenAt(path: KeyPath): string | null {
    const { node } = this.#walk(path);
    const scalar = isAlias(node) ? node.resolve(this.#document) : node;
    return isScalar(scalar) ? (this.#written.get(scalar) ?? null) : null;
  }

  /** Where the value stands; where it is missing or empty, its key or the nearest one above. */
  valueAt(path: KeyPath): Position {
    const { node, pair, depth } = this.#walk(path);
    const written = depth === path.length && !(isScalar(node) && node.range?.[0] === node.range?.[1]);
    if (written) return this.#at(start(node) ?? start(pair?.key) ?? 0);
    return this.#at(start(pair?.key) ?? start(node) ?? 0);
  }

  /** Where the key itself stands. */
  keyAt(path: KeyPath): Position {
    const { pair, node } = this.#walk(path);
    return this.#at(start(pair?.key) ?? start(node) ?? 0);
  }

  /** As deep along `path` as the document goes. */
  #walk(path: KeyPath): { node: unknown; pair: Pair | null; depth: number } {
    let node: unknown = this.#document.contents;
    let pair: Pair | null = null;
    let depth = 0;
    for (const part of path) {
      const inside = isAlias(node) ? node.resolve(this.#document) : node;
      let next: unknown;
      if (isMap(inside)) {
        const found = inside.items.find((item) => keyText(item.key) === String(part));
        if (found === undefined) break;
        pair = found;
        next = found.value;
      } else if (isSeq(inside) && typeof part === 'number') {
        next = inside.items[part];
      }
      if (next === undefined) break;
      node = next;
      depth += 1;
    }
    return { node, pair, depth };
  }

  /** Aliases of nothing, keys that are there twice, and `__proto__`, which would be lost on its way through plain objects. */
  #forbidden(): YamlFault[] {
    const faults: YamlFault[] = [];
    visit(this.#document, {
      Alias: (_, alias) => {
        if (alias.resolve(this.#document) === undefined) {
          faults.push({ ...this.#at(start(alias) ?? 0), found: 'an alias of nothing', expected: 'the name of an anchor above it' });
        }
      },
      Map: (_, map) => {
        const seen = new Set<string>();
        for (const { key } of map.items) {
          const text = keyText(key);
          const found = text === '__proto__' ? 'the key __proto__' : seen.has(text) ? 'a key that the map has already' : null;
          if (found !== null)
            faults.push({ ...this.#at(start(key) ?? 0), found, expected: text === '__proto__' ? 'another key' : 'each key once' });
          seen.add(text);
        }
      },
    });
    return faults;
  }

  /** The parser bounds what aliases may unfold to ("billion laughs"). */
  #multiplyingAliases(): YamlFault[] {
    try {
      this.#document.toJS();
      return [];
    } catch {
      return [{ line: 1, column: 1, found: 'aliases that unfold to too much', expected: 'fewer of them' }];
    }
  }

  #at(offset: number): Position {
    const { line, col } = this.#lines.linePos(offset);
    return { line: Math.max(1, line), column: Math.max(1, col) };
  }
}

function start(node: unknown): number | null {
  return (node as Node | null | undefined)?.range?.[0] ?? null;
}

/** The keys that lead to a node, from its key or index and its ancestors. */
function pathOf(key: number | string | symbol | null, ancestors: readonly unknown[]): KeyPath {
  const path: PropertyKey[] = [];
  ancestors.forEach((ancestor, index) => {
    if (isPair(ancestor)) path.push(keyText(ancestor.key));
    const inside = ancestors[index + 1];
    if (isSeq(ancestor) && inside !== undefined) path.push(ancestor.items.indexOf(inside));
  });
  if (typeof key === 'number') path.push(key);
  return path;
}

function keyText(key: unknown): string {
  return String(isScalar(key) ? key.value : key);
}

function wording(code: string, message: string): { found: string; expected: string } {
  if (code === 'MULTIPLE_DOCS') return { found: 'several YAML documents', expected: 'one' };
  if (code === 'TAB_AS_INDENT') return { found: 'a tab as indentation', expected: 'blanks' };
  if (code === 'MULTILINE_IMPLICIT_KEY') return { found: 'a key without a colon', expected: 'a colon behind the key, as in `key: value`' };
  // What follows a colon in the parser's messages quotes the source.
  const clause =
    message
      .split('\n', 1)[0]
      ?.replace(/:\s.*$/, '')
      .replace(/"[^"]*"/g, '"…"') ?? '';
  return { found: `bad YAML (${clause})`, expected: 'valid YAML' };
}
