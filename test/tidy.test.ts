/**
 * The style of the tree, as a test: sizes, openings, leftovers, links, decisions. Each rule is a function of one file's path and
 * text that returns what is wrong, and is shown a planted breach first, so that it is known to be able to fail.
 */
import { existsSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { describe, expect, it } from 'vitest';
import { projectFiles, read, root } from './support/tree.ts';

const LINES_MAX = 250;
/** Tests and benchmarks are lists of cases, and read as such. */
const TEST_LINES_MAX = 400;

type Rule = (path: string, text: string) => readonly string[];

const isCode = (path: string): boolean => /\.(ts|mjs)$/.test(path);
const isTest = (path: string): boolean => /^(test|bench)\//.test(path);
const isProse = (path: string): boolean => path.endsWith('.md');
const isText = (path: string): boolean => /\.(ts|mjs|lua|sh|md|json|ya?ml|cfg|html|css|js)$|(^|\/)(Dockerfile|run)$/.test(path);

const rules: Readonly<Record<string, Rule>> = {
  'a file is short': (path, text) => {
    if (!isCode(path)) return [];
    const lines = text.trimEnd().split('\n').length;
    const most = isTest(path) ? TEST_LINES_MAX : LINES_MAX;
    return lines > most ? [`${lines} lines, at most ${most}`] : [];
  },
  'a file opens with its promise': (path, text) => {
    if (!isCode(path)) return [];
    return /^(#!.*\n)?\/(\*\*|\/) ?\S*/.test(text) ? [] : ['does not open with a comment'];
  },
  'a file is named by a noun, in kebab case': (path) => {
    if (!isCode(path)) return [];
    const name = path.split('/').at(-1) ?? '';
    if (/^(utils?|helpers?|types|common|misc|index)\.(ts|mjs)$/.test(name)) return [`${name} says nothing of what is in it`];
    return /^[a-z0-9]+(-[a-z0-9]+)*(\.test|\.config)?\.(ts|mjs)$/.test(name) ? [] : [`${name} is not kebab-case`];
  },
  'nothing is left for later': (path, text) => {
    // In two halves, so that this file does not find itself.
    const leftover = new RegExp(`\\b(${['TO' + 'DO', 'FIX' + 'ME', 'X' + 'XX'].join('|')})\\b`);
    return isText(path) ? linesThat(text, (line) => leftover.test(line)) : [];
  },
  'the compiler is not silenced': (path, text) => {
    const silenced = new RegExp(['@ts-' + 'ignore', '@ts-' + 'nocheck', 'noExplicit' + 'Any:', 'no-explicit-' + 'any *$'].join('|'));
    return isCode(path) ? linesThat(text, (line) => silenced.test(line)) : [];
  },
  'no value is untyped': (path, text) => {
    if (!path.endsWith('.ts')) return [];
    return linesThat(text, (line) => /((\bas|[:<|&])\s*any\b(?=\s*([[\]>;,)=|&]|$))|,\s*any\s*>)/.test(withoutText(line)));
  },
  'no path of one machine': (path, text) => {
    const machine = new RegExp(`(^|[\\s'"\`(=:])/(${['work', 'root', 'home', 'Users'].join('|')})/`);
    return isText(path) ? linesThat(text, (line) => machine.test(line)) : [];
  },
  'a link leads somewhere': (path, text) => (isProse(path) ? brokenLinks(path, text) : []),
};

const planted: Readonly<Record<string, readonly [path: string, text: string]>> = {
  'a file is short': ['shared/a.ts', '/** A. */\n'.repeat(LINES_MAX + 1)],
  'a file opens with its promise': ['shared/a.ts', "import { b } from './b.ts';\n"],
  'a file is named by a noun, in kebab case': ['shared/utils.ts', ''],
  'nothing is left for later': ['docs/a.md', `${'TO' + 'DO'}: finish\n`],
  'the compiler is not silenced': ['cli/a.ts', `// @ts-${'ignore'}\n`],
  'no value is untyped': ['cli/a.ts', `const a = (b: ${'any'}): void => {};\n`],
  'no path of one machine': ['docs/a.md', `see ${'/ho' + 'me'}/someone/notes\n`],
  'a link leads somewhere': ['docs/a.md', '[nowhere](./nowhere.md)\n'],
};

describe('the tree', () => {
  const files = projectFiles().filter((path) => isText(path) && path !== 'package-lock.json');
  const texts = new Map(files.map((path) => [path, read(path)]));

  it.each(Object.keys(rules))('%s', (name) => {
    const rule = rules[name];
    const plant = planted[name];
    if (rule === undefined || plant === undefined) throw new Error(`the rule "${name}" has no planted breach`);
    expect(rule(...plant), 'the planted breach').not.toEqual([]);
    const found = [...texts].flatMap(([path, text]) => rule(path, text).map((what) => `${path}: ${what}`));
    expect(found).toEqual([]);
  });

  it('finds a link to a heading that is not there', () => {
    expect(brokenLinks('docs/a.md', '# Start\n[here](#start) [there](#end)\n')).toEqual(['docs/a.md has no heading #end']);
  });
});

describe('the record', () => {
  it('numbers its decisions from 0001 without a gap, each with its sections', () => {
    const decisions = projectFiles().filter((path) => path.startsWith('docs/adr/'));
    const numbers = decisions.map((path) => /^docs\/adr\/(\d{4})-[a-z0-9-]+\.md$/.exec(path)?.[1]);
    expect(numbers.length).toBeGreaterThan(0);
    expect(numbers).toEqual(decisions.map((_, index) => String(index + 1).padStart(4, '0')));
    for (const [index, path] of decisions.entries()) {
      const text = read(path);
      expect(text.split('\n')[0], path).toMatch(new RegExp(`^# ${index + 1}\\. \\S`));
      for (const heading of ['Example', 'Decision', 'Alternatives', 'Consequences']) expect(text, path).toContain(`\n## ${heading}\n`);
    }
  });

  it('keeps a change log with an unreleased section on top', () => {
    const headings = read('CHANGELOG.md').match(/^## .*$/gm) ?? [];
    expect(headings[0]).toMatch(/^## (\[)?Unreleased/);
  });

  it('pins every dependency, and gives a reason for each', () => {
    const { dependencies, devDependencies } = manifest();
    const reasons = read('docs/adr/0001-dependencies.md');
    const all = Object.entries({ ...dependencies, ...devDependencies });
    expect(all.filter(([, version]) => !/^\d+\.\d+\.\d+$/.test(version))).toEqual([]);
    expect(all.filter(([name]) => !reasons.includes(`| ${name} |`)).map(([name]) => name)).toEqual([]);
  });
});

describe('the lock', () => {
  it('has every package that npm ci asks for, also those of other platforms', () => {
    expect(missingFromLock(JSON.parse(read('package-lock.json')) as Lock), 'npm run lock:complete adds them').toEqual([]);
  });

  it('would miss one', () => {
    const lock = {
      packages: { 'node_modules/a': { optionalDependencies: { 'a-darwin-x64': '1.0.0' } }, 'node_modules/a/node_modules/b': {} },
    };
    expect(missingFromLock(lock)).toEqual(['node_modules/a: a-darwin-x64']);
  });

  it('names no registry', () => {
    expect(read('package-lock.json')).not.toContain('"resolved": "http');
  });
});

interface Lock {
  readonly packages: Readonly<Record<string, { dependencies?: object; devDependencies?: object; optionalDependencies?: object }>>;
}

/** `package: dependency` for what Node would not find in the tree that the lock describes. */
function missingFromLock({ packages }: Lock): readonly string[] {
  return Object.entries(packages).flatMap(([from, entry]) =>
    Object.keys({ ...entry.dependencies, ...entry.devDependencies, ...entry.optionalDependencies })
      .filter((name) => !ancestors(from).some((at) => packages[`${at}node_modules/${name}`] !== undefined))
      .map((name) => `${from}: ${name}`),
  );
}

/** `node_modules/a/node_modules/b` → itself, `node_modules/a/` and the root's empty prefix. */
function ancestors(path: string): readonly string[] {
  const prefixes = [''];
  if (path !== '') prefixes.push(`${path}/`);
  for (let end = path.lastIndexOf('/node_modules/'); end > 0; end = path.lastIndexOf('/node_modules/', end - 1)) {
    prefixes.push(path.slice(0, end + 1));
  }
  return prefixes;
}

function manifest(): { dependencies: Record<string, string>; devDependencies: Record<string, string> } {
  return JSON.parse(read('package.json')) as ReturnType<typeof manifest>;
}

/** `n: the line` for each line that the test picks. */
function linesThat(text: string, picks: (line: string) => boolean): readonly string[] {
  return text.split('\n').flatMap((line, index) => (picks(line) ? [`${index + 1}: ${line.trim().slice(0, 100)}`] : []));
}

/** The line without its strings and its comment. */
function withoutText(line: string): string {
  if (/^\s*(\*|\/\*|\/\/)/.test(line)) return '';
  return line.replace(/'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|`(?:[^`\\]|\\.)*`/g, "''").replace(/\/\/.*$/, '');
}

function brokenLinks(path: string, text: string): readonly string[] {
  const prose = text.replace(/^```[\s\S]*?^```/gm, '').replace(/`[^`\n]*`/g, '');
  const targets = [...prose.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target]) => target ?? '');
  return targets.flatMap((target) => {
    if (/^[a-z]+:/.test(target)) return [];
    const [file = '', anchor] = target.split('#');
    const linked = file === '' ? path : normalize(join(dirname(path), file));
    if (file !== '' && !existsSync(join(root, linked))) return [`${target} leads nowhere`];
    if (anchor === undefined || !isProse(linked)) return [];
    const headings = file === '' ? anchors(text) : anchors(read(linked));
    return headings.includes(anchor) ? [] : [`${linked} has no heading #${anchor}`];
  });
}

/** GitHub's anchors: lower case, punctuation dropped, blanks as hyphens. */
function anchors(text: string): readonly string[] {
  const headings = text.replace(/^```[\s\S]*?^```/gm, '').match(/^#{1,6} .*$/gm) ?? [];
  return headings.map((heading) =>
    heading
      .replace(/^#+ /, '')
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .trim()
      .replace(/ /g, '-'),
  );
}
