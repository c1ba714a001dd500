/** PURE. A znode's stat as the rest of the project sees it: int64 as decimal strings, session ids as Zookeeper prints them. */

export interface Stat {
  /** The zxid that created it. */
  readonly czxid: string;
  /** The zxid that last changed its data. */
  readonly mzxid: string;
  /** The zxid that last changed its children. */
  readonly pzxid: string;
  readonly version: number;
  readonly cversion: number;
  /** The session that an ephemeral znode belongs to, e.g. `0x100004d2c6d0001`; null: it is persistent. */
  readonly ephemeralOwner: string | null;
  readonly dataLength: number;
  readonly numChildren: number;
}

/** The fields as the client library gives them. */
export interface StatRecord {
  readonly czxid: Buffer;
  readonly mzxid: Buffer;
  readonly pzxid: Buffer;
  readonly version: number;
  readonly cversion: number;
  readonly ephemeralOwner: Buffer;
  readonly dataLength: number;
  readonly numChildren: number;
}

export function statOf(record: StatRecord): Stat {
  const owner = record.ephemeralOwner.readBigUInt64BE(0);
  return {
    czxid: record.czxid.readBigInt64BE(0).toString(),
    mzxid: record.mzxid.readBigInt64BE(0).toString(),
    pzxid: record.pzxid.readBigInt64BE(0).toString(),
    version: record.version,
    cversion: record.cversion,
    ephemeralOwner: owner === 0n ? null : sessionText(record.ephemeralOwner),
    dataLength: record.dataLength,
    numChildren: record.numChildren,
  };
}

/** A session id as Zookeeper's own logs print it. */
export function sessionText(id: Buffer): string {
  return `0x${id.readBigUInt64BE(0).toString(16)}`;
}
