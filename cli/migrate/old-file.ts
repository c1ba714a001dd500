/**
 * The config file of Synapse or Nerve, with the services of its `service_conf_dir`: one file each, named by the service. Both programs read YAML as well, so a
 * `.yaml` is taken for that. A path that is not absolute goes from the working directory, as theirs does, else from the folder of the file.
 * @throws PointsmanError USAGE: it is not there, too large, or not what it should be.
 */
import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, dirname, extname, join, resolve } from 'node:path';
import { parse } from 'yaml';
import { errorText, PointsmanError } from '../../shared/errors.ts';
import { printable } from '../printable.ts';
import { isMap } from './old-map.ts';

const BYTES_MAX = 16 * 1024 * 1024;
const FILES_MAX = 10_000;

export async function readOldConfig(file: string): Promise<Readonly<Record<string, unknown>>> {
  const config = await readMap(file);
  const folder = config['service_conf_dir'];
  if (typeof folder !== 'string') return config;
  const own = config['services'];
  return { ...config, services: { ...(isMap(own) ? own : {}), ...(await readServices(folder, file)) } };
}

async function readServices(folder: string, file: string): Promise<Record<string, unknown>> {
  const places = [resolve(folder), resolve(dirname(file), folder)];
  for (const place of places) {
    const names = await readdir(place).catch(() => null);
    if (names === null) continue;
    const files = names.filter((name) => /\.(json|yaml)$/.test(name)).sort();
    if (files.length > FILES_MAX) throw refused(place, `has more than ${FILES_MAX} services`);
    return Object.fromEntries(
      await Promise.all(files.map(async (name) => [basename(name, extname(name)), await readMap(join(place, name))] as const)),
    );
  }
  throw refused(folder, 'is not there', 'service_conf_dir counts from the working directory: run this in that of Synapse or Nerve');
}

async function readMap(file: string): Promise<Readonly<Record<string, unknown>>> {
  const text = await readText(file);
  const value = parsed(file, text);
  if (!isMap(value)) throw refused(file, 'is no JSON object');
  return value;
}

async function readText(file: string): Promise<string> {
  try {
    if ((await stat(file)).size > BYTES_MAX) throw new Error(`more than ${BYTES_MAX} bytes`);
    return await readFile(file, 'utf8');
  } catch (error) {
    throw refused(file, `cannot be read: ${errorText(error)}`);
  }
}

function parsed(file: string, text: string): unknown {
  const yaml = /\.ya?ml$/.test(file);
  try {
    return yaml ? parse(text, { maxAliasCount: 100 }) : JSON.parse(text);
  } catch (error) {
    throw refused(file, `is no ${yaml ? 'YAML' : 'JSON'}: ${errorText(error).split('\n')[0]}`);
  }
}

function refused(file: string, what: string, hint = 'name the config file of Synapse or Nerve'): PointsmanError {
  return new PointsmanError('USAGE', printable(`${file} ${what}`), { hint, retry: 'terminal' });
}
