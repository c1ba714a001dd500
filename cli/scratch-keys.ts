/** The keys of the live space, or of a scratch space that `log import --as NAME` made. */
import { PointsmanError } from '../shared/errors.ts';
import { isName } from '../shared/model/ids.ts';
import type { Keys } from '../shared/redis/keys.ts';
import type { Ports } from '../workers/app.ts';

/** @throws PointsmanError USAGE: it can be no scratch space's name. */
export function scratchKeys({ keys }: Ports, name: string): Keys {
  if (isName(name)) return keys.scratch(name);
  throw new PointsmanError('USAGE', `${JSON.stringify(name)} is no name for a scratch space`, {
    hint: 'letters, digits, `_`, `.`, `-`, at most 64',
    retry: 'terminal',
  });
}

/** `name` undefined: the live ones. @throws PointsmanError USAGE as above, SCRATCH_MISSING: nothing was imported by that name. */
export async function keysOf(ports: Ports, name: string | undefined): Promise<Keys> {
  if (name === undefined) return ports.keys;
  const keys = scratchKeys(ports, name);
  if ((await ports.redis.exists(keys.services, keys.proxies)) > 0) return keys;
  throw new PointsmanError('SCRATCH_MISSING', `there is no scratch space ${name}`, {
    hint: '`pointsman log import FILE --as NAME` makes one',
    retry: 'after',
  });
}
