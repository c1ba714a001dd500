/** Which instance a person means: by its id (`host:port`) or by the name of a znode that backs it. */
import { PointsmanError } from '../shared/errors.ts';
import type { InstanceId, ServiceName } from '../shared/model/ids.ts';
import { meant } from '../shared/model/service-path.ts';
import { parseAddress } from '../shared/znode/address.ts';
import type { Ports } from '../workers/app.ts';
import { printable } from './printable.ts';
import { unknownService } from './unknown-service.ts';

export interface Named {
  readonly instance: InstanceId;
  /** Whether the service's log knows it. */
  readonly known: boolean;
}

/** @throws PointsmanError USAGE: no such service, or neither an instance nor a znode of it. */
export async function namedInstance(ports: Ports, service: ServiceName, name: string): Promise<Named> {
  const services = await ports.log.services();
  if (!services.includes(service)) throw unknownService(service, services.sort());
  if ((await ports.store.instances(service, [name])).size > 0) return { instance: name, known: true };
  const { children } = await ports.log.readView(service);
  const names = meant(name, children.keys());
  const [instance, ...others] = new Set(names.flatMap((one) => children.get(one)?.instance ?? []));
  if (others.length > 0) throw ambiguous(service, name, names);
  if (instance !== undefined) return { instance, known: true };
  const parsed = parseAddress(name);
  if (parsed.ok) {
    // As the watcher will name it, however it is written here.
    const { instance } = parsed.address;
    return { instance, known: (await ports.store.instances(service, [instance])).size > 0 };
  }
  throw new PointsmanError('USAGE', `${printable(name)} is neither an instance nor a znode of ${printable(service)}`, {
    hint: `an instance is host:port; \`pointsman status ${printable(service)}\` lists them`,
    retry: 'after',
  });
}

/** Znodes of one name below several paths, that say different things. */
function ambiguous(service: ServiceName, name: string, names: readonly string[]): PointsmanError {
  return new PointsmanError('USAGE', `${printable(name)} is the name of ${names.length} znodes of ${printable(service)}`, {
    hint: `say which: ${names.map(printable).join(', ')}`,
    retry: 'after',
  });
}
