/** What one object of the client library is made with, and what it tells its owner. */

/** A session that a later object can take up again. */
export interface SessionKeys {
  readonly id: Buffer;
  readonly password: Buffer;
  /** The last zxid seen: a server that is behind it refuses the session, so that nothing is seen to go backwards. */
  readonly zxid: Buffer;
}

export interface ClientSettings {
  /** `host:port,host:port/chroot` */
  readonly connect: string;
  /** ms, as asked for; the server may change it */
  readonly sessionTimeout: number;
  readonly auth: { readonly scheme: string; readonly credentials: string } | null;
  readonly resume: SessionKeys | null;
  /** Calls after which the object is replaced: its request numbers are a plain counter that must stay below 2^31. */
  readonly callsMax: number;
}

export interface ClientListener {
  /** Connected, and if there is auth, it was taken. `rootExists`: whether `/` (with a chroot: that path) is there. */
  up(rootExists: boolean): void;
  down(): void;
  /** The session is gone; this object is dead. */
  expired(): void;
  authFailed(): void;
  /** The library threw, or its counter is used up; the object should be replaced, the session can go on. */
  fault(error: unknown): void;
}
