/**
 * PURE. What HAProxy can do from which version on, as far as what pointsman says to it follows from that. The one table that capabilities
 * are made of and docs/haproxy-versions.md is written from. Sources: doc/management.txt and doc/configuration.txt of each branch, and runs.
 */
export interface Ability {
  /** The first version that has it: major, minor. */
  readonly since: readonly [number, number];
  /** Where a process says itself that it has it: a command of `help`, or a word of `add server help`. null: nowhere, so its version decides. */
  readonly told: { readonly command: string } | { readonly serverWord: string } | null;
  readonly what: string;
  /** What pointsman does with it, and what without. */
  readonly use: string;
}

export const ABILITIES = {
  waitRemovable: {
    since: [3, 0],
    told: { command: 'wait' },
    what: '`wait <delay> srv-removable`',
    use: 'said before `del server`, which from 3.3 on leaves idle connections to be closed by others; without it a delete that finds some is tried again at the next look',
  },
  poolsByDefault: {
    since: [3, 0],
    told: null,
    what: 'servers that are added at runtime keep idle connections',
    use: 'nothing: `pool-purge-delay` and `pool-max-conn` are said on every version, so that a server is the same from the file',
  },
  addressLater: {
    since: [3, 0],
    told: null,
    what: '`set server … addr` answers before the address holds',
    use: 'a server that comes in at another address is let in only after it was seen there; without it both are said at once',
  },
  virtualMaps: {
    since: [3, 0],
    told: null,
    what: 'maps without a file, `virt@name`',
    use: 'with backends made at runtime: what was made in a worker is noted in its memory. Routes are in a file on every version, so that a reload has them',
  },
  initState: {
    since: [3, 1],
    told: { serverWord: 'init-state' },
    what: '`add server … init-state fully-down`',
    use: 'a checked server is added down; without it a recipe of five lines does the same',
  },
  dynamicBackends: {
    since: [3, 4],
    told: { command: 'add backend' },
    what: '`add backend … from`, `publish backend`, `del backend`',
    use: 'a new service that is reached through the shared frontend alone, and is configured like one that was loaded or that `discover` may find, is made at runtime, and goes so; without it, by a reload',
  },
  serverDefaults: {
    since: [3, 5],
    told: { command: 'show default-server' },
    what: '`add server … from`',
    use: "nothing: a server's line says everything itself",
  },
} as const satisfies Readonly<Record<string, Ability>>;

export type AbilityName = keyof typeof ABILITIES;
