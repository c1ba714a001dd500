/** PURE. What is stored of a service, read for a fold. What has not the form of it is said with the revision at which it was found. */
import type { AddressClaim } from '../../machines/claims.ts';
import type { InstanceSnapshot } from '../../machines/instance.ts';
import { newService, type ServiceSnapshot } from '../../machines/service.ts';
import { asClaim, asInstance, asService } from '../../machines/stored-form.ts';
import type { InstanceId } from '../../shared/model/ids.ts';

/** Of a name or key in the message. */
const NAME_MAX = 200;

/** No fold of the service can go on from it. */
export class Unreadable extends Error {
  readonly revision: number;

  constructor(what: string, revision: number) {
    super(`${what} is no snapshot that this version knows`);
    this.revision = revision;
  }
}

export class Stored {
  readonly service: ServiceSnapshot;
  /** Of an earlier version. */
  readonly isOld: boolean;
  readonly #revision: number;

  /** @throws Unreadable, as the others. */
  constructor({ revision, service }: { readonly revision: number; readonly service: string | null }) {
    this.#revision = revision;
    const read = service === null ? { service: newService(), isOld: false } : this.#known(asService(service), 'that of the service');
    this.service = read.service;
    this.isOld = read.isOld;
  }

  instances(texts: ReadonlyMap<InstanceId, string>): Map<InstanceId, InstanceSnapshot> {
    return new Map([...texts].map(([id, json]) => [id, this.#known(asInstance(id, json), `that of ${id.slice(0, NAME_MAX)}`)]));
  }

  claims(texts: ReadonlyMap<string, string>): Map<string, AddressClaim> {
    return new Map([...texts].map(([key, json]) => [key, this.#known(asClaim(json), `the claim on ${key.slice(0, NAME_MAX)}`)]));
  }

  #known<T>(read: T | null, what: string): T {
    if (read === null) throw new Unreadable(what, this.#revision);
    return read;
  }
}
