/**
 * The config from its file: the one that is named, or the first of ./pointsman.yaml and /etc/pointsman/pointsman.yaml.
 * Throws CONFIG_NOT_FOUND when there is none or it cannot be read, and a ConfigError (CONFIG_INVALID) with all problems.
 */
import { readFileSync, statSync } from 'node:fs';
import { access, readFile } from 'node:fs/promises';
import { PointsmanError } from '../errors.ts';
import type { Config } from './config.ts';
import { parseConfig, type SecretsNeeded } from './parse-config.ts';
import { ConfigError } from './problem.ts';

export const CONFIG_FILES = ['./pointsman.yaml', '/etc/pointsman/pointsman.yaml'] as const;

/** Ten thousand services of fifteen lines are about 4 MB. */
const CONFIG_BYTES_MAX = 16 * 1024 * 1024;
/** What a `${file:…}` may hold: a secret, not a document. */
const SECRET_BYTES_MAX = 64 * 1024;

/** `path` null: search. */
export async function loadConfig(path: string | null, secrets: SecretsNeeded = 'all'): Promise<Config> {
  const file = path ?? (await findConfig());
  return configFromText(await readConfigText(file), file, secrets);
}

/** With the environment and the files of this process. */
export function configFromText(text: string, file: string | null, secrets: SecretsNeeded = 'all'): Config {
  const parsed = parseConfig(text, file, { env: process.env, readFile: readSecret }, secrets);
  if (!parsed.ok) throw new ConfigError(parsed.problems);
  return parsed.config;
}

/** The first of CONFIG_FILES that is there. */
export async function findConfig(): Promise<string> {
  for (const file of CONFIG_FILES) {
    const there = await access(file).then(
      () => true,
      () => false,
    );
    if (there) return file;
  }
  throw new PointsmanError('CONFIG_NOT_FOUND', `no config: neither ${CONFIG_FILES.join(' nor ')} is there`, {
    hint: 'name the file with --config, or write one: docs/configuration.md',
    retry: 'after',
  });
}

export async function readConfigText(file: string): Promise<string> {
  const bytes = await readFile(file).catch((error: NodeJS.ErrnoException) => {
    throw unreadable(file, error.code === 'ENOENT' ? 'is not there' : `cannot be read (${error.code ?? error.message})`, error);
  });
  if (bytes.length > CONFIG_BYTES_MAX) throw unreadable(file, `is larger than ${CONFIG_BYTES_MAX / 1024 / 1024} MB`);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (error) {
    throw unreadable(file, 'is not UTF-8', error);
  }
}

function unreadable(file: string, what: string, cause?: unknown): PointsmanError {
  return new PointsmanError('CONFIG_NOT_FOUND', `config ${file} ${what}`, {
    hint: 'name a readable file with --config',
    retry: 'after',
    cause,
  });
}

function readSecret(path: string): string {
  const { size } = statSync(path);
  if (size > SECRET_BYTES_MAX) throw Object.assign(new Error(`${path} is too large`), { code: `larger than ${SECRET_BYTES_MAX} bytes` });
  return readFileSync(path, 'utf8');
}
