/** Which instance a person means: by its id (`host:port`) or by the name of a znode that backs it. */
import { PointsmanError } from '../shared/errors.ts';
import type { InstanceId, ServiceName } from '../shared/model/ids.ts';
import type { Ports } from '../workers/app.ts';
import { printable } from './printable.ts';

/** A host name or address, and a port: what an instance that is not there yet can be called. */
const ID = /^(\[[0-9a-fA-F:.]{2,45}\]|[A-Za-z0-9][A-Za-z0-9._-]{0,252}):([1-9]\d{0,4})$/;

export interface Named {
  readonly instance: InstanceId;
  /** Whether the service's log knows it. */
  readonly known: boolean;
}

/** @throws PointsmanError USAGE: no such service, or neither an instance nor a znode of it. */
export async function namedInstance(ports: Ports, service: ServiceName, name: string): Promise<Named> {
  if (!(await ports.log.services()).includes(service)) {
    throw new PointsmanError('USAGE', `no service ${printable(service)} is known`, {
      hint: '`pointsman status` lists the services',
      retry: 'after',
    });
  }
  if ((await ports.store.instances(service, [name])).size > 0) return { instance: name, known: true };
  const entry = (await ports.log.readView(service)).children.get(name);
  if (entry !== undefined) return { instance: entry.instance, known: true };
  if (ID.test(name)) return { instance: name, known: false };
  throw new PointsmanError('USAGE', `${printable(name)} is neither an instance nor a znode of ${printable(service)}`, {
    hint: `an instance is host:port; \`pointsman status ${printable(service)}\` lists them`,
    retry: 'after',
  });
}
