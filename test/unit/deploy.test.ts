/** What docker-compose.yml, deploy/pointsman.yaml and deploy/haproxy.cfg say of each other is true, as far as it can be known without containers. */
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { parseConfig } from '../../shared/config/parse-config.ts';
import { must } from '../../shared/errors.ts';
import { read } from '../support/tree.ts';

interface Compose {
  readonly services: Readonly<Record<string, ComposeService>>;
}
interface ComposeService {
  readonly command?: readonly string[];
  readonly volumes?: readonly string[];
  readonly ports?: readonly string[];
  readonly network_mode?: string;
  readonly environment?: Readonly<Record<string, string>>;
}

const compose = parse(read('docker-compose.yml'), { merge: true }) as Compose;
const service = (name: string): ComposeService => must(compose.services[name], name);
const parsed = parseConfig(read('deploy/pointsman.yaml'), 'deploy/pointsman.yaml', { env: {}, readFile: () => '' });

describe('docker-compose.yml', () => {
  const config = must(parsed.ok ? parsed.config : null, `a valid config: ${JSON.stringify(parsed)}`);
  const proxy = must(
    config.proxies.find(({ id }) => id === 'local'),
    'proxy local',
  );
  const command = service('haproxy').command?.join(' ') ?? '';

  it('starts HAProxy with the files and the master socket that the config names', () => {
    expect(command).toContain(`-W -S ${socket(proxy.reload?.kind === 'master' ? proxy.reload.socket : null)} `);
    expect(command).toContain(`-f ${proxy.base} -f ${proxy.managed}`);
    expect(read('deploy/haproxy.cfg')).toContain(`stats socket ${socket(proxy.runtime)} `);
  });

  it('gives HAProxy and pointsman the same files and sockets', () => {
    const mounts = (name: string): readonly string[] =>
      (service(name).volumes ?? []).filter((volume) => !volume.includes('pointsman.yaml'));
    expect(mounts('pointsman').toSorted()).toEqual(mounts('haproxy').toSorted());
  });

  it('runs both in one network namespace, so that an address which is free for one is free for the other', () => {
    expect(service('pointsman').network_mode).toBe('service:haproxy');
  });

  it('publishes a port for each service, and has instances that register below its path', () => {
    for (const { name, path, listen } of config.services) {
      const port = listen?.split(':').at(-1);
      expect(service('haproxy').ports).toContain(`127.0.0.1:${port}:${port}`);
      expect(service(name).environment).toMatchObject({ NAME: name, SERVICE_PATH: path });
    }
  });
});

function socket(address: { readonly kind: string; readonly path?: string } | null): string {
  return address?.path ?? 'none';
}
