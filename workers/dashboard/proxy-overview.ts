/** What the metrics say of the proxies: read from what is kept of each, one read a proxy. */
import type { ProxyId } from '../../shared/model/ids.ts';
import type { ProxyStore } from '../../shared/redis/proxy-store.ts';

export interface ProxyOverview {
  readonly proxy: ProxyId;
  /** null: nobody could tell. */
  readonly oldWorkers: number | null;
  readonly reloads: { readonly done: number; readonly failed: number };
}

/** Proxies read at once. */
const AT_ONCE = 32;

/** Of every proxy that was announced, by name. */
export async function proxyOverview(proxies: ProxyStore): Promise<ProxyOverview[]> {
  const announced = await proxies.announced();
  const found: ProxyOverview[] = [];
  for (let at = 0; at < announced.length; at += AT_ONCE) {
    found.push(...(await Promise.all(announced.slice(at, at + AT_ONCE).map(({ id }) => one(proxies, id)))));
  }
  return found;
}

async function one(proxies: ProxyStore, proxy: ProxyId): Promise<ProxyOverview> {
  const { oldWorkers, reloadsDone, reloadsFailed } = await proxies.state(proxy);
  const reloads = { done: Number(reloadsDone ?? 0), failed: Number(reloadsFailed ?? 0) };
  return { proxy, oldWorkers: oldWorkers ? Number(oldWorkers) : null, reloads };
}
