/**
 * The lint rules that keep the architecture: each is shown to catch a planted breach with the project's own configuration, and
 * the rules of the pure folders are held against every file that calls itself PURE.
 */
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isPure } from '../support/architecture.ts';
import { read, root, sources } from '../support/tree.ts';

interface OxlintConfig {
  readonly plugins: readonly string[];
  readonly overrides: ReadonlyArray<{ readonly files: readonly string[]; readonly rules: Readonly<Record<string, unknown>> }>;
}

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'pointsman-lint-'));
  for (const file of ['.oxlintrc.json', 'biome.json']) copyFileSync(join(root, file), join(folder, file));
  writeFileSync(
    join(folder, 'tsconfig.json'),
    JSON.stringify({ compilerOptions: { strict: true, noEmit: true, types: [], lib: ['es2024'] } }),
  );
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const CLEAN = 'export const fine = 1;\n';

const oxlintPlants: ReadonlyArray<{ rule: string; path: string; text: string }> = [
  { rule: 'no-restricted-globals', path: 'machines/date.ts', text: 'export const now = Date.now();\n' },
  { rule: 'no-restricted-globals', path: 'shared/model/timer.ts', text: 'setTimeout(() => undefined, 1);\n' },
  { rule: 'no-restricted-globals', path: 'shared/znode/env.ts', text: 'export const home = process.argv;\n' },
  { rule: 'no-restricted-globals', path: 'shared/plan/print.ts', text: "console.log('planned');\n" },
  { rule: 'no-restricted-properties', path: 'shared/plan/dice.ts', text: 'export const dice = Math.random();\n' },
  {
    rule: 'no-restricted-imports',
    path: 'shared/plan/file.ts',
    text: "import { readFileSync } from 'node:fs';\nexport const a = readFileSync;\n",
  },
  {
    rule: 'no-restricted-imports',
    path: 'machines/uuid.ts',
    text: "import { randomUUID } from 'node:crypto';\nexport const a = randomUUID;\n",
  },
  { rule: 'no-restricted-imports', path: 'machines/socket.ts', text: "import { a } from '../shared/haproxy/a.ts';\nexport const b = a;\n" },
  { rule: 'no-restricted-imports', path: 'shared/haproxy/a.ts', text: "import { b } from '../redis/b.ts';\nexport const a = b;\n" },
  { rule: 'no-restricted-imports', path: 'shared/zookeeper/a.ts', text: "import { b } from '../../machines/b.ts';\nexport const a = b;\n" },
  { rule: 'no-restricted-imports', path: 'shared/redis/a.ts', text: "import { b } from '../../workers/b.ts';\nexport const a = b;\n" },
  { rule: 'no-restricted-imports', path: 'workers/a.ts', text: "import { b } from '../test/support/b.ts';\nexport const a = b;\n" },
  { rule: 'no-barrel-file', path: 'shared/config/index.ts', text: "export * from './schema.ts';\n" },
  { rule: 'no-explicit-any', path: 'workers/any.ts', text: 'export const a = (b: any): number => Number(b);\n' },
  { rule: 'no-floating-promises', path: 'workers/float.ts', text: 'const a = async (): Promise<void> => {};\na();\n' },
];

describe('oxlint', () => {
  it('catches each planted breach, and nothing in a clean file', () => {
    plant('machines/clean.ts', CLEAN);
    for (const { path, text } of oxlintPlants) plant(path, text);
    const found = oxlint(folder, ['--type-aware', '.']);
    const missed = oxlintPlants.filter(({ rule, path }) => !found.some((one) => one.path === path && one.rule.includes(`(${rule})`)));
    expect(missed).toEqual([]);
    expect(found.filter(({ path }) => path === 'machines/clean.ts')).toEqual([]);
  });

  it('finds no breach of the pure rules in the files that call themselves PURE', () => {
    const files = sources();
    const pure = [...files].filter(([path, text]) => isPure(path, text)).map(([path]) => path);
    expect(pure.length).toBeGreaterThan(0);
    expect(oxlint(root, ['-c', pureConfig(), ...pure])).toEqual([]);
  });

  it('would find one', () => {
    plant('elsewhere/render.ts', '/** PURE. A promise. */\nexport const now = Date.now();\n');
    expect(oxlint(folder, ['-c', pureConfig(), 'elsewhere/render.ts']).map(({ rule }) => rule)).toEqual(['eslint(no-restricted-globals)']);
  });
});

describe('biome', () => {
  it.each([
    { rule: 'lint/suspicious/noConsole', path: 'workers/print.ts', text: "console.log('running');\n" },
    { rule: 'lint/suspicious/noExplicitAny', path: 'workers/any.ts', text: 'export const a = (b: any): number => Number(b);\n' },
    { rule: 'lint/performance/noReExportAll', path: 'shared/config/index.ts', text: "export * from './schema.ts';\n" },
  ])('catches $rule', ({ rule, path, text }) => {
    plant(path, text);
    expect(biome(path)).toContain(rule);
  });

  it('lets the command line print', () => {
    plant('cli/print.ts', "console.log('hello');\n");
    expect(biome('cli/print.ts')).not.toContain('noConsole');
  });
});

function plant(path: string, text: string): void {
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  writeFileSync(join(folder, path), text);
}

/** The rules of the pure folders, for whatever files are named on the command line. */
function pureConfig(): string {
  const config = JSON.parse(read('.oxlintrc.json')) as OxlintConfig;
  const pure = config.overrides.find(({ files }) => files.includes('shared/model/**'));
  const rules = { ...pure?.rules };
  expect(Object.keys(rules)).toContain('eslint/no-restricted-globals');
  // What a PURE file of an adapter may import is for architecture.test.ts: the pure folders' list is too narrow there.
  delete rules['eslint/no-restricted-imports'];
  const path = join(folder, 'pure.json');
  writeFileSync(path, JSON.stringify({ plugins: [], categories: { correctness: 'off' }, rules }));
  return path;
}

function oxlint(cwd: string, args: readonly string[]): ReadonlyArray<{ path: string; rule: string }> {
  const program = join(root, 'node_modules/oxlint/bin/oxlint');
  const { stdout, stderr } = spawnSync(process.execPath, [program, '-f', 'json', ...args], { cwd, encoding: 'utf8' });
  if (!stdout.startsWith('{')) throw new Error(`oxlint did not run: ${stdout}${stderr}`);
  const report = JSON.parse(stdout) as { diagnostics: ReadonlyArray<{ filename: string; code: string }> };
  return report.diagnostics.map(({ filename, code }) => ({ path: filename, rule: code }));
}

function biome(path: string): string {
  const program = join(root, 'node_modules/@biomejs/biome/bin/biome');
  const args = ['lint', '--vcs-enabled=false', '--reporter=json', path];
  return spawnSync(process.execPath, [program, ...args], { cwd: folder, encoding: 'utf8' }).stdout;
}
