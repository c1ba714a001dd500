/** Wiring of the registrar role: what registers, what tells of it in Redis, and where services of this host ask for it. */
import type { Config } from '../../shared/config/config.ts';
import { RegistrarStore } from '../../shared/redis/registrar-store.ts';
import type { Role } from '../../shared/runtime/role.ts';
import type { Ports } from '../app.ts';
import { RegistrarHeartbeat } from './heartbeat.ts';
import { Registrar } from './registrar.ts';

/** All of one name, so that they end together. */
export async function registrarRoles(
  config: Config,
  { logger, redis, keys }: Ports,
): Promise<{ registrar: Registrar; roles: readonly Role[] }> {
  const registrar = new Registrar(config, logger);
  const heartbeat = new RegistrarHeartbeat(registrar, new RegistrarStore(redis, keys), logger);
  const { listen, token } = config.registrar;
  if (listen === null) return { registrar, roles: [registrar, heartbeat] };
  // Only where services register themselves is there a server to load.
  const [{ HttpListener }, { registerServer }] = await Promise.all([import('../http-listener.ts'), import('./register-server.ts')]);
  const make = () => registerServer({ registrar, token, logger });
  return { registrar, roles: [registrar, heartbeat, new HttpListener({ name: 'registrar', listen, make, logger })] };
}
