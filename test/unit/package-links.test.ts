/** What the package says of itself leads somewhere once it is installed: every file that its pages link to is in it. */
import { readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { expect, it } from 'vitest';
import { projectFiles, root } from '../support/tree.ts';

/** npm takes these along by itself. */
const ALWAYS = ['package.json', 'README.md', 'LICENSE'];

it('every file that a page of the package links to is in the package', () => {
  const { files } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { files: string[] };
  const shipped = (path: string): boolean => [...ALWAYS, ...files].some((entry) => path === entry || path.startsWith(`${entry}/`));
  const pages = projectFiles().filter((path) => path.endsWith('.md') && shipped(path));
  expect(pages).toContain('README.md');
  const lost = pages.flatMap((page) =>
    [...readFileSync(join(root, page), 'utf8').matchAll(/\]\(([^)#\s]+)/g)]
      .map(([, link = '']) => link)
      .filter((link) => !/^[a-z]+:/.test(link))
      .map((link) => normalize(join(dirname(page), link)))
      .filter((target) => !shipped(target))
      .map((target) => `${page}: ${target}`),
  );
  expect(lost).toEqual([]);
});
