/** A real HAProxy that runs with a base file and a managed folder, `haproxy -W -S … -f base -f managed`, as an operator sets it up. */
import { join } from 'node:path';
import { syncManaged } from '../../shared/haproxy/managed-folder.ts';
import type { ObservedProxy } from '../../shared/haproxy/observe.ts';
import { observeProxy } from '../../shared/haproxy/observe.ts';
import type { ReloadInput } from '../../shared/haproxy/reload-command.ts';
import { managedFiles, proxyStamp } from '../../shared/haproxy/render-managed.ts';
import { type RenderedServer, structureOf } from '../../shared/haproxy/render-service.ts';
import { withRuntime } from '../../shared/haproxy/runtime.ts';
import type { ProxyConfig } from '../../shared/model/proxy-config.ts';
import type { ServiceConfig } from '../../shared/model/service-config.ts';
import { tempFolder } from './folder.ts';
import { TestHaproxy } from './haproxy.ts';
import { DEFAULTS, proxyConfig } from './render-input.ts';

export interface ManagedService {
  readonly config: ServiceConfig;
  readonly servers: readonly RenderedServer[];
}

export class ManagedHaproxy {
  readonly haproxy: TestHaproxy;
  readonly managed: string;
  readonly proxy: ProxyConfig;
  readonly #remove: () => Promise<void>;

  private constructor(haproxy: TestHaproxy, managed: string, remove: () => Promise<void>) {
    this.haproxy = haproxy;
    this.managed = managed;
    this.#remove = remove;
    this.proxy = proxyConfig({
      runtime: haproxy.runtime,
      base: haproxy.configFile,
      managed,
      reload: { kind: 'master', socket: haproxy.master },
    });
  }

  /** Started with the files of these services. */
  static async start(services: readonly ManagedService[]): Promise<ManagedHaproxy> {
    const folder = await tempFolder();
    const managed = join(folder.path, 'managed');
    await syncManaged(managed, managedFiles({ prefix: 'test', proxy: proxyConfig({}), services }));
    const haproxy = await TestHaproxy.start({ sections: '', argv: ['-f', managed] });
    return new ManagedHaproxy(haproxy, managed, () => folder.remove());
  }

  files(services: readonly ManagedService[]): Map<string, string> {
    return managedFiles({ prefix: 'test', proxy: this.proxy, services });
  }

  get stamp(): string {
    return proxyStamp('test', this.proxy);
  }

  get reloadInput(): ReloadInput {
    return { binary: 'haproxy', base: this.haproxy.configFile, managed: this.managed, runtime: this.haproxy.runtime };
  }

  observe(): Promise<ObservedProxy> {
    return withRuntime(this.haproxy.runtime, observeProxy);
  }

  async stop(): Promise<void> {
    await this.haproxy.stop();
    await this.#remove();
  }
}

export function structures(services: readonly ManagedService[]): Map<string, string> {
  return new Map(services.map(({ config }) => [config.name, structureOf(config, DEFAULTS)]));
}
