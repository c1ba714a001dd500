/**
 * The direction of dependencies holds in the tree, and each rule catches a planted breach.
 */
import { describe, expect, it } from 'vitest';
import { breaches, importsOf, isPure } from '../support/architecture.ts';
import { sources } from '../support/tree.ts';

const PURE = '/** PURE. A promise. */\n';

describe('the tree', () => {
  it('keeps the direction of dependencies', () => {
    const files = sources();
    expect(files.size).toBeGreaterThan(0);
    expect(breaches(files)).toEqual([]);
  });

  it('starts programs by their argv, never by a shell', () => {
    const shells = [...sources()].filter(([, text]) =>
      /\bshell: true|import \{[^}]*\bexec(?:Sync)?\b[^}]*\} from 'node:child_process'/.test(text),
    );
    expect(shells.map(([path]) => path)).toEqual([]);
  });
});

describe('a planted breach', () => {
  const planted: ReadonlyArray<{ rule: string; files: Record<string, string>; caught: string }> = [
    {
      rule: 'an adapter imports another adapter',
      files: { 'shared/haproxy/a.ts': "import { b } from '../redis/b.ts';", 'shared/redis/b.ts': '' },
      caught: 'shared/haproxy/a.ts: shared/haproxy may not import shared/redis/b.ts',
    },
    {
      rule: 'an adapter imports a machine',
      files: { 'shared/zookeeper/a.ts': "import type { b } from '../../machines/b.ts';", 'machines/b.ts': '' },
      caught: 'shared/zookeeper/a.ts: shared/zookeeper may not import machines/b.ts',
    },
    {
      rule: 'a machine imports an adapter, over several lines',
      files: { 'machines/a.ts': "import {\n  b,\n} from '../shared/haproxy/b.ts';", 'shared/haproxy/b.ts': '' },
      caught: 'machines/a.ts: machines may not import shared/haproxy/b.ts',
    },
    {
      rule: 'the model imports the plan',
      files: { 'shared/model/a.ts': "export { b } from '../plan/b.ts';", 'shared/plan/b.ts': '' },
      caught: 'shared/model/a.ts: shared/model may not import shared/plan/b.ts',
    },
    {
      rule: 'something below imports a worker, lazily',
      files: { 'shared/config/a.ts': "const b = await import('../../workers/watcher/b.ts');", 'workers/watcher/b.ts': '' },
      caught: 'shared/config/a.ts: shared/config may not import workers/watcher/b.ts',
    },
    {
      rule: 'a worker imports the command line',
      files: { 'workers/watcher/a.ts': "import '../../cli/b.ts';", 'cli/b.ts': '' },
      caught: 'workers/watcher/a.ts: workers may not import cli/b.ts',
    },
    {
      rule: 'a source imports a test helper',
      files: { 'cli/a.ts': "import { b } from '../test/support/b.ts';" },
      caught: 'cli/a.ts: cli may not import test/support/b.ts',
    },
    {
      rule: 'a PURE file imports the code of one that is not',
      files: { 'shared/haproxy/a.ts': `${PURE}import { b } from './b.ts';`, 'shared/haproxy/b.ts': '/** Talks. */' },
      caught: 'shared/haproxy/a.ts: is PURE and may import only types of shared/haproxy/b.ts, which is not',
    },
    {
      rule: 'a PURE file imports a node: module',
      files: { 'shared/haproxy/a.ts': `${PURE}import { readFileSync } from 'node:fs';` },
      caught: 'shared/haproxy/a.ts: is PURE and may not import node:fs',
    },
    {
      rule: 'a PURE file opens a socket beside reading addresses',
      files: { 'shared/plan/a.ts': "import { isIP, connect } from 'node:net';" },
      caught: 'shared/plan/a.ts: is PURE and may import only BlockList, isIP, isIPv4, isIPv6 of node:net',
    },
    {
      rule: 'a PURE file takes a whole module of Node',
      files: { 'machines/a.ts': "import * as crypto from 'node:crypto';" },
      caught: 'machines/a.ts: is PURE and may import only createHash of node:crypto',
    },
    {
      rule: 'a package outside the layer that owns it',
      files: { 'workers/watcher/a.ts': "import zookeeper from 'node-zookeeper-client';" },
      caught: 'workers/watcher/a.ts: node-zookeeper-client belongs to shared/zookeeper',
    },
    {
      rule: 'a file outside every layer',
      files: { 'shared/stray.ts': '' },
      caught: 'shared/stray.ts: belongs to no layer (test/support/architecture.ts)',
    },
    {
      rule: 'an import that leads nowhere',
      files: { 'cli/a.ts': "import { b } from './b.ts';" },
      caught: 'cli/a.ts: imports cli/b.ts, which is not there',
    },
  ];

  it.each(planted)('is caught: $rule', ({ files, caught }) => {
    expect(breaches(new Map(Object.entries(files)))).toEqual([caught]);
  });
});

describe('what is allowed', () => {
  it('passes', () => {
    const files = {
      'cli/a.ts': "import { b } from '../workers/b.ts';\nimport pkg from '../package.json' with { type: 'json' };",
      'workers/b.ts':
        "import { c } from '../shared/redis/c.ts';\nimport { d } from '../machines/d.ts';\nimport type { Redis } from 'ioredis';",
      'shared/redis/c.ts': "import type { E } from '../model/e.ts';\nimport { Redis } from 'ioredis';",
      'machines/d.ts': "import { setup } from 'xstate';\nimport type { E } from '../shared/model/e.ts';",
      'shared/model/e.ts': '',
      'shared/haproxy/render.ts': `${PURE}import { createHash } from 'node:crypto';\nimport type { F } from './socket.ts';`,
      'shared/haproxy/socket.ts': "import { connect } from 'node:net';",
      'shared/znode/address.ts': "import { isIP } from 'node:net';",
    };
    expect(breaches(new Map(Object.entries(files)))).toEqual([]);
  });

  it('reads an import statement and nothing else', () => {
    expect(importsOf("const text = \"import a from 'b'\";\n// import c from 'd'\nexport const e = 'f';\n")).toEqual([]);
  });

  it('knows a PURE file by its folder or its first comment', () => {
    expect(isPure('shared/plan/a.ts', '')).toBe(true);
    expect(isPure('shared/redis/a.ts', '/**\n * PURE. A promise.\n */')).toBe(true);
    expect(isPure('shared/redis/a.ts', '/** Not at all PURE. */')).toBe(false);
  });
});
