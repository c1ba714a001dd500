/** PURE. Whether a config needs the role; here, so that what asks for it need not load the role. */
import type { Config } from '../../shared/config/config.ts';

/** Whether this host registers something, or lets its services do so by HTTP. What they register under `pointsman exec` needs no role. */
export function needsRegistrar({ register, registrar }: Pick<Config, 'register' | 'registrar'>): boolean {
  return registrar.listen !== null || register.some(({ terms }) => terms === null);
}
