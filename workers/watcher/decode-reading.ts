/** What the znodes of a reading say, with the host names resolved. */
import { isIP } from 'node:net';
import type { Decoded } from '../../shared/model/registration.ts';
import type { Allow, ServiceConfig } from '../../shared/model/service-config.ts';
import { pause } from '../../shared/runtime/wait.ts';
import { decode } from '../../shared/znode/format.ts';
import type { Reading } from '../../shared/zookeeper/reading.ts';
import type { NameResolver } from './name-resolver.ts';

/** ms that one reading waits for DNS altogether; what is not there by then is told at the next full reading. */
const RESOLVE_WAIT_MS = 1_000;

/** Znodes decoded before others get their turn: a few ms. */
const DECODED_PER_TURN = 500;

type Valid = Decoded & { readonly ok: true };

export async function decodeReading(
  { read, at }: Pick<Reading, 'read' | 'at'>,
  { name: service, format, endpoint, allow }: Pick<ServiceConfig, 'name' | 'format' | 'endpoint' | 'allow'>,
  resolver: NameResolver,
): Promise<Map<string, Decoded>> {
  const decoded = new Map<string, Decoded>();
  const named: { name: string; says: Valid }[] = [];
  for (const [name, { data }] of read) {
    if (decoded.size % DECODED_PER_TURN === DECODED_PER_TURN - 1) await new Promise((resolve) => setImmediate(resolve));
    const says = decode(format, name, data, { endpoint: endpoint ?? null });
    decoded.set(name, says);
    if (says.ok && isIP(says.registration.host) === 0) named.push({ name, says });
  }
  if (named.length === 0) return decoded;
  const done = new AbortController();
  // A reading that somebody asked for, or that is to confirm another one, takes no failure of before for an answer.
  const insists = at.synced;
  const late = pause(RESOLVE_WAIT_MS, done.signal).then(() => null);
  await Promise.all(
    named.map(async ({ name, says }) => {
      const { host } = says.registration;
      const answer = allow.names ? Promise.race([resolver.resolve(service, host, { insists }), late]) : null;
      const address = answer === null ? null : ((await answer) ?? resolver.last(service, host));
      decoded.set(name, withAddress(says, address, allow));
    }),
  );
  done.abort();
  return decoded;
}

/** Whether the registration can read differently although its znode is the same: it gives a host name. */
export function isVolatile(says: Decoded): boolean {
  if (says.ok) return isIP(says.registration.host) === 0;
  return says.rejection.code === 'unresolvable' || says.rejection.code === 'address-not-allowed';
}

function withAddress(says: Valid, address: string | null, allow: Allow): Decoded {
  const { instance, registration } = says;
  if (!allow.names)
    return { ok: false, instance, rejection: { code: 'address-not-allowed', detail: 'a host name, and allow.names is false' } };
  if (address === null) return { ok: false, instance, rejection: { code: 'unresolvable', detail: `${registration.host} has no address` } };
  return { ok: true, instance, registration: { ...registration, address } };
}
