/** PURE. What is stored of a service, read for a fold. What has not the form of it is said with the revision at which it was found. */
import type { AddressClaim } from '../../machines/claims.ts';
import type { InstanceSnapshot } from '../../machines/instance.ts';
import { newService, type ServiceSnapshot } from '../../machines/service.ts';
import { asClaim, asInstance, asService } from '../../machines/stored-form.ts';
import { AssertionFailure, errorText } from '../../shared/errors.ts';
import type { InstanceId } from '../../shared/model/ids.ts';

/** Of a name or key in the message. */
const NAME_MAX = 200;

/** No fold of the service can go on from it. */
export class Unreadable extends Error {
  readonly revision: number;

  constructor(message: string, revision: number) {
    super(message);
    this.revision = revision;
  }
}

/** What a fold that cannot be done throws: what it works on is not what it must be, whatever it looks like. All else is as it was. */
export function asUnreadable(error: unknown, revision: number): unknown {
  const isOurs = error instanceof TypeError || error instanceof RangeError || error instanceof AssertionFailure;
  return isOurs ? new Unreadable(`what is stored cannot be folded: ${errorText(error).slice(0, NAME_MAX)}`, revision) : error;
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
    if (read === null) throw new Unreadable(`${what} is no snapshot that this version knows`, this.#revision);
    return read;
  }
}
