/** How roles end: in bounded time, those first that take services of this host out, then those that bring news, then those that act on it. */
import type { Config } from '../shared/config/config.ts';
import { errorFields } from '../shared/errors.ts';
import { END_MS } from '../shared/haproxy/process-end.ts';
import type { Logger } from '../shared/observability/logger.ts';
import { within } from '../shared/runtime/deadline.ts';
import type { Role } from '../shared/runtime/role.ts';
import { stopWithin as registrarWithin } from './registrar/stop-within.ts';

/**
 * ms that roles may take to finish what is in hand; what is left then, another process takes over. One that has a HAProxy to end as well has the time for
 * that on top of what its work takes, which then has to be less.
 */
const STOP_FIRST_MS = 3_000;
const STOP_MS = 4_000;
const STOP_SUPERVISING_MS = 2_000 + END_MS;
export const CLOSE_MS = 1_000;

/** The roles that bring news; the others act on it. */
const BRINGS_NEWS: readonly string[] = ['watcher', 'observer'];

type Ending = Pick<Config, 'proxies' | 'register'>;

/** ms that the end of all roles takes at most. */
export function stopWithin({ register }: Pick<Config, 'register'>, names: readonly string[]): number {
  const last = STOP_FIRST_MS + Math.max(STOP_MS, STOP_SUPERVISING_MS) + CLOSE_MS;
  return names.includes('registrar') ? registrarWithin(register) + last : last;
}

/** In bounded time. While services are withdrawn, the other roles go on: they may be the ones that tell HAProxy. */
export async function endRoles(roles: readonly Role[], { proxies, register }: Ending, logger: Logger): Promise<void> {
  const registrar = roles.filter(({ name }) => name === 'registrar');
  const first = roles.filter(({ name }) => BRINGS_NEWS.includes(name));
  const rest = roles.filter((role) => !registrar.includes(role) && !first.includes(role));
  const supervises = rest.some(({ name }) => name === 'reconciler') && proxies.some((proxy) => proxy.start);
  await stopRoles(registrar, registrarWithin(register), logger);
  await stopRoles(first, STOP_FIRST_MS, logger);
  await stopRoles(rest, supervises ? STOP_SUPERVISING_MS : STOP_MS, logger);
}

/** Those that had only begun. */
export function abandonRoles(roles: readonly Role[], logger: Logger): Promise<void> {
  return stopRoles(roles, STOP_MS, logger);
}

async function stopRoles(roles: readonly Role[], ms: number, logger: Logger): Promise<void> {
  const late = (): Error => new Error(`not done within ${ms} ms; what it had in hand is left to others`);
  const stopped = roles.map((role) =>
    within(ms, role.stop(), late).catch((error: unknown) => {
      logger.warn({ role: role.name, ...errorFields(error) }, 'role did not stop cleanly');
    }),
  );
  await Promise.all(stopped);
}
