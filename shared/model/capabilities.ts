/** PURE. What this HAProxy can do, asked of the process itself, and what follows for the plan. */
export interface Capabilities {
  /** As HAProxy prints it, e.g. `2.6.12-1+deb12u4`. */
  readonly version: string;
  readonly major: number;
  readonly minor: number;
  /** `init-state` on `add server` (3.1): a server can be added DOWN until its checks pass. */
  readonly initState: boolean;
  /** `wait <delay> srv-removable` (3.0). */
  readonly waitRemovable: boolean;
  /** Dynamic servers pool connections without being told (3.0). */
  readonly poolsByDefault: boolean;
}
