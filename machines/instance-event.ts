/** PURE. What can happen to an instance. */
import type { Verdict } from '../shared/model/event.ts';
import type { ProxyId } from '../shared/model/ids.ts';
import type { Registration, Rejection, Znode } from '../shared/model/registration.ts';
import type { InstanceContext, TimerName } from './instance-context.ts';
import type { Place } from './place.ts';

export type InstanceEvent = { readonly at: number } & (
  | {
      type: 'accept';
      znode: Znode | null;
      offered: Registration;
      serverId: number;
      warm: Omit<NonNullable<InstanceContext['warm']>, 'step'> | null;
    }
  /** keep: bad data leaves the last good form in use, as long as policy allows that. */
  | { type: 'reject'; znode: Znode | null; offered: Registration | null; rejection: Rejection; keep: boolean }
  /** One of several znodes went, or a znode of an instance that serves nobody. */
  | { type: 'unback'; znode: string }
  /** The last znode went, and the loss is believed. */
  | { type: 'lose'; znode: string | null; drainTimeout: number }
  /** The last znode went, or a drain is undone, and it is kept: by the guard, or as the last that HAProxy sees up. */
  | { type: 'hold'; znode: string | null }
  | { type: 'health'; proxy: ProxyId; from: Verdict; to: Verdict }
  | { type: 'cordon'; by: string; reason: string; until: number | null }
  | { type: 'uncordon' }
  | { type: 'quarantine'; shortest: number }
  /** Its quarantine ends early: it is needed. */
  | { type: 'pardon' }
  | { type: 'scale'; scale: number }
  | { type: 'place'; place: Place }
  /** It came to ask for no requests, or asks for some again; and whether it has all the same what it had. */
  | { type: 'withdraw'; had: InstanceContext['had']; stays: true | undefined }
  /** Below which path it is registered (null: not known), which of them in order that is (0: the first), and whether another one is active before it. */
  | { type: 'tier'; path: string | null; tier: number; behind: boolean }
  /** Its znodes have their whole paths for names from now on. */
  | { type: 'rename'; below: string }
  | { type: 'timer'; timer: TimerName; token: number }
);

type Held<K extends InstanceEvent['type']> = { context: InstanceContext; event: Extract<InstanceEvent, { type: K }> };

/** What an assign is given, as the events that lead to it. */
export function given<K extends InstanceEvent['type']>(args: { context: InstanceContext; event: InstanceEvent }, ..._types: K[]): Held<K> {
  return args as Held<K>;
}

/** Whether it is the deadline that the snapshot waits for, and not one of an earlier visit. */
export function isCurrent({ timers }: InstanceContext, event: InstanceEvent, name: TimerName): boolean {
  return event.type === 'timer' && event.timer === name && timers[name]?.token === event.token;
}
