/**
 * `pointsman render`: the managed files as they should be, from the config, with the servers that Redis knows. Printed, each
 * headed by a comment with its name, so that the whole is still a HAProxy config; or written to a folder (one below it
 * per proxy, when there are several). Files of other names in that folder are left alone.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Command } from 'commander';
import type { Config } from '../../shared/config/config.ts';
import { errorText, PointsmanError } from '../../shared/errors.ts';
import { ROUTES_FILE } from '../../shared/haproxy/render-http.ts';
import { managedFiles } from '../../shared/haproxy/render-managed.ts';
import { renderRoutes, routesOf } from '../../shared/haproxy/render-routes.ts';
import { matchesAny } from '../../shared/model/glob.ts';
import type { ProxyConfig } from '../../shared/model/proxy-config.ts';
import type { CliContext } from '../context.ts';
import type { DesiredSource } from '../desired-source.ts';

interface Options {
  readonly proxy?: string;
  readonly out?: string;
}

/** Of one proxy: content by file name, in HAProxy's order of loading. */
interface Rendered {
  readonly proxy: ProxyConfig;
  readonly files: ReadonlyMap<string, string>;
}

export function register(command: Command, context: CliContext): void {
  command
    .option('--proxy <id>', 'only this proxy')
    .option('--out <folder>', 'write the files there instead of printing them')
    .action((options: Options) => render(context, options));
}

async function render(context: CliContext, options: Options): Promise<void> {
  const config = await context.loadConfig('redis');
  const proxies = chosenProxies(config, options.proxy);
  const source = await context.desiredSource(config);
  if (source === null) context.tell('note: no Redis to ask, so there are no servers in these files');
  try {
    const rendered = await Promise.all(proxies.map((proxy) => renderProxy(config, proxy, source)));
    if (options.out === undefined) print(context, rendered);
    else await write(context, rendered, options.out);
  } finally {
    await source?.close();
  }
}

function chosenProxies(config: Config, id: string | undefined): readonly ProxyConfig[] {
  const withFiles = config.proxies.filter((proxy) => !proxy.runtimeOnly);
  const known = withFiles.map((proxy) => proxy.id).join(', ');
  if (id === undefined) {
    if (withFiles.length > 0) return withFiles;
    throw usage('no proxy of the config has managed files', 'add one under `proxies`, without runtimeOnly');
  }
  const chosen = config.proxies.find((proxy) => proxy.id === id);
  if (chosen === undefined)
    throw usage(`the config has no proxy ${JSON.stringify(id)}`, known === '' ? 'it has none with files' : `it has: ${known}`);
  if (chosen.runtimeOnly)
    throw usage(
      `proxy ${id} is runtimeOnly: it has no managed files`,
      known === '' ? 'no other proxy has any either' : `these have: ${known}`,
    );
  return [chosen];
}

async function renderProxy(config: Config, proxy: ProxyConfig, source: DesiredSource | null): Promise<Rendered> {
  const carried = config.services.filter((service) => matchesAny(proxy.services, service.name));
  const services = await Promise.all(
    carried.map(async (service) => ({ config: service, servers: (await source?.servers(service, proxy.id)) ?? [] })),
  );
  const files = managedFiles({ prefix: config.redis.prefix, proxy, services });
  if (proxy.http !== undefined) files.set(ROUTES_FILE, renderRoutes(routesOf(carried)));
  return { proxy, files };
}

function print(context: CliContext, rendered: readonly Rendered[]): void {
  for (const [name, content] of named(rendered)) context.print(`# === ${name} ===\n${content}`);
}

async function write(context: CliContext, rendered: readonly Rendered[], folder: string): Promise<void> {
  try {
    for (const { proxy } of rendered) await mkdir(rendered.length > 1 ? join(folder, proxy.id) : folder, { recursive: true });
    for (const [name, content] of named(rendered)) {
      const path = join(folder, name);
      await writeFile(path, content);
      context.print(path);
    }
  } catch (error) {
    throw new PointsmanError('FILE_WRITE_FAILED', errorText(error), {
      hint: 'name a folder that can be written to',
      retry: 'after',
      cause: error,
    });
  }
}

/** `<file>`, or `<proxy>/<file>` when there are several proxies. */
function named(rendered: readonly Rendered[]): [name: string, content: string][] {
  return rendered.flatMap(({ proxy, files }) =>
    [...files].map(([file, content]): [string, string] => [rendered.length > 1 ? `${proxy.id}/${file}` : file, content]),
  );
}

function usage(message: string, hint: string): PointsmanError {
  return new PointsmanError('USAGE', message, { hint, retry: 'terminal' });
}
