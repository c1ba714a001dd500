/** PURE. What of a changed config counts only from the next start: services, and what this host registers, are taken over while we run. */
import type { Config } from '../shared/config/config.ts';

const FIXED = ['zookeeper', 'redis', 'proxies', 'registrar', 'dashboard', 'metrics'] as const;

/** Sections that differ; `haproxy` counts as `proxies`, whose defaults it gives. */
export function fixedSections(started: Config, now: Config): string[] {
  return FIXED.filter((section) => JSON.stringify(started[section]) !== JSON.stringify(now[section]));
}
