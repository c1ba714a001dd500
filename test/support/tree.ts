/** The project's own files, as its style and architecture tests see them: tracked or about to be, never generated. */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/** Every file that git would take, as a sorted list of paths from the root. */
export function projectFiles(): readonly string[] {
  const listed = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', '-z'], { cwd: root, encoding: 'utf8' });
  const paths = new Set(listed.split('\0').filter((path) => path !== ''));
  return [...paths].filter((path) => existsSync(join(root, path))).sort();
}

export function read(path: string): string {
  return readFileSync(join(root, path), 'utf8');
}

/** path → text of what ships: cli, machines, shared, workers. */
export function sources(): ReadonlyMap<string, string> {
  const paths = projectFiles().filter((path) => /^(cli|machines|shared|workers)\/.*\.ts$/.test(path));
  return new Map(paths.map((path) => [path, read(path)]));
}
