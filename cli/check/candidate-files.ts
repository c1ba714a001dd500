/** Whether HAProxy would load the files that this config makes, tried in a folder of their own: what is in the managed folder is what was good before. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkConfig } from '../../shared/haproxy/config-check.ts';
import { managedFiles } from '../../shared/haproxy/render-managed.ts';
import { matchesAny } from '../../shared/model/glob.ts';
import type { ProxyConfig } from '../../shared/model/proxy-config.ts';
import type { ServiceConfig } from '../../shared/model/service-config.ts';
import { type Finding, failed } from './finding.ts';

const CHECK_DEADLINE_MS = 10_000;
const SHOWN_MAX = 600;

/** Without servers: those are what the registry says. */
export async function candidateFiles(
  of: string,
  proxy: ProxyConfig,
  services: readonly ServiceConfig[],
  prefix: string,
): Promise<readonly Finding[]> {
  const carried = services.filter(({ name }) => matchesAny(proxy.services, name));
  const files = managedFiles({ prefix, proxy, services: carried.map((config) => ({ config, servers: [] })) });
  const folder = await mkdtemp(join(tmpdir(), 'pointsman-check-'));
  try {
    for (const [name, text] of files) await writeFile(join(folder, name), text);
    const fault = await checkConfig(proxy.binary, [...(proxy.base === null ? [] : [proxy.base]), folder], CHECK_DEADLINE_MS);
    if (fault === null || fault.noListener) return [];
    const message = fault.message.replaceAll(`${folder}/`, '');
    const shown = message.length > SHOWN_MAX ? `${message.slice(0, SHOWN_MAX)}...` : message;
    return [failed(of, `HAProxy would refuse the files of this config: ${shown}`, '`pointsman render` prints them')];
  } finally {
    await rm(folder, { recursive: true });
  }
}
