/** PURE. What somebody set on HAProxy by hand and pointsman leaves so, for people. */
import { type Looked, overrideText } from '../../shared/model/by-hand.ts';
import { serverInstance } from '../../shared/znode/address.ts';

export interface OverrideStatus {
  /** Its name in HAProxy. */
  readonly server: string;
  /** null: its name is none that an instance has. */
  readonly instance: string | null;
  /** What was set: `maint`, `weight 0`, `deleted`, `foreign server` and so on. */
  readonly what: string;
  /** When it was first seen, ms since the epoch. */
  readonly since: number;
}

export function overridesStatus(looked: Looked | null | undefined): OverrideStatus[] {
  return (looked?.overrides ?? []).map((override) => {
    const { server, since } = override;
    return { server, instance: serverInstance(server), what: overrideText(override), since };
  });
}
