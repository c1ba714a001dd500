/** PURE. Why an instance is in its state, in one line, where the state alone does not say it. */
import type { InstanceSnapshot } from '../../machines/instance.ts';
import type { VisibleState } from '../../machines/projection.ts';
import { behindText, rejectionText } from './reason-text.ts';

/** `isLast`: it is kept as the last server that is up. */
export function reasonOf(state: VisibleState, { context, state: stored }: InstanceSnapshot, isLast: boolean): string | null {
  switch (state) {
    case 'rejected': {
      const said = context.rejection === null ? 'rejected' : rejectionText(context.id, context.rejection);
      return stored === 'rejected' ? said : `${said} (its last good form stays, ${stored})`;
    }
    case 'cordoned': {
      const { cordon } = context;
      return cordon === null ? null : `by ${cordon.by}: ${cordon.reason || 'no reason given'}`;
    }
    case 'quarantined':
      return `its registration or its health changed too often (${context.flap.recent.length} times within \`flap.window\`)`;
    case 'held':
      return isLast ? 'its registration ended; the last server that is up stays' : 'its registration ended; the guard keeps it';
    case 'draining':
      return 'its registration ended; sessions may finish';
    case 'failing': {
      const down = context.witnesses.filter(({ verdict }) => verdict === 'down').map(({ proxy }) => proxy);
      return `down on ${down.sort().join(', ') || 'every proxy that looked'}`;
    }
    case 'joining':
      return 'no good check yet';
    case 'serving':
      return servingReason(context);
    case 'gone':
      return null;
  }
}

function servingReason({ far, backup, weight, behind, path, stays, registration }: InstanceSnapshot['context']): string | null {
  if (stays === true) return 'asks for no requests; the last server that takes some keeps its weight';
  if (registration?.out !== undefined) return registration.out;
  if (weight === 0 && registration?.weight !== 0) return 'no requests: its server options ask for that';
  if (behind === true) return behindText(path);
  if (far === true) return 'stands by: its labels are not those of prefer';
  return backup === true ? 'stands by: its server options ask for that' : null;
}
