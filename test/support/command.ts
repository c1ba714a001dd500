/** The `pointsman` command as people and scripts meet it: a process of its own, judged by its output and its exit code. */
import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { TempFolder } from './folder.ts';

export const MAIN = fileURLToPath(new URL('../../cli/main.ts', import.meta.url));
/** Longer than a command's own deadlines, so that those are what is seen. */
const DEADLINE_MS = 45_000;

export interface Ended {
  readonly code: number | string | null;
  readonly out: string;
  readonly err: string;
}

export function pointsman(...args: readonly string[]): Promise<Ended> {
  return new Promise((resolve) => {
    execFile(process.execPath, [MAIN, ...args], { timeout: DEADLINE_MS, maxBuffer: 64 * 1024 * 1024 }, (error, out, err) => {
      resolve({ code: error === null ? 0 : (error.code ?? error.signal ?? null), out, err });
    });
  });
}

/** The path of a config file with this text. */
export async function configFile(folder: TempFolder, text: string, name = 'pointsman.yaml'): Promise<string> {
  const path = join(folder.path, name);
  await writeFile(path, text);
  return path;
}
