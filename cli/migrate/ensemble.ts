/** PURE. The Zookeeper servers of an old config as one connect string, the same for the same servers in another order. */
import { sectionSchemas } from '../../shared/config/schema.ts';

/** null: there are none, or none that can be connected to. A chroot may stand behind any of them. */
export function ensembleOf(hosts: unknown): string | null {
  const texts = (Array.isArray(hosts) ? hosts : [hosts]).filter((host) => typeof host === 'string');
  const parts = texts.flatMap((text) => text.split(',')).map((text) => text.trim());
  const servers = [...new Set(parts.map((part) => part.split('/')[0] ?? '').filter((server) => server !== ''))].sort();
  const chroot = parts.map((part) => part.slice(part.split('/')[0]?.length ?? 0)).find((text) => text.length > 1) ?? '';
  const connect = sectionSchemas.zookeeper.shape.connect.safeParse(servers.join(',') + chroot);
  return connect.success ? connect.data : null;
}

/** The one that most have; the first of those that equally many have. */
export function commonest(ensembles: readonly (string | null)[]): string | null {
  const counts = new Map<string, number>();
  for (const one of ensembles) if (one !== null) counts.set(one, (counts.get(one) ?? 0) + 1);
  return [...counts].reduce<[string | null, number]>((best, entry) => (entry[1] > best[1] ? entry : best), [null, 0])[0];
}
