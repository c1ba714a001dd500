/**
 * PURE. The life of one backend on one proxy, folded by the reconcile worker over the proxy's own stream. It only says how things
 * stand; what to send is computed by `plan` from desired and observed.
 */
import { assign, setup } from 'xstate';
import type { Looked } from '../shared/model/by-hand.ts';
import type { ProxyEvent } from '../shared/model/proxy-event.ts';
import { begin, type MachineSnapshot, step } from './snapshot.ts';

export const BACKEND_SCHEMA = 1;

export type BackendState = 'unknown' | 'in-sync' | 'patching' | 'awaiting-reload' | 'reloading' | 'drifted' | 'unreachable' | 'blocked';

export interface BackendContext {
  readonly since: number;
  /** The service's revision that was last seen to be in place. */
  readonly revision: number;
  /** Why it is not in sync: HAProxy's own words where there are any. */
  readonly detail: string | null;
  /** When it will be tried again, ms; null: at the next change. */
  readonly nextTry: number | null;
  /** How the last look left it; missing: none has said so. */
  readonly looked?: Looked;
}

export type BackendSnapshot = MachineSnapshot<BackendState, BackendContext>;

/** What a proxy's event means for one of its backends. `found`: so the last look left it; else commands are about to be sent. */
export type BackendEvent = { readonly at: number; readonly looked?: Looked } & (
  | { readonly type: 'patching'; readonly found: boolean }
  | { readonly type: 'synced'; readonly revision: number }
  | { readonly type: 'drifted'; readonly detail: string }
  | { readonly type: 'reload-wanted'; readonly detail: string }
  | { readonly type: 'reloading' }
  | { readonly type: 'reloaded' }
  | { readonly type: 'blocked'; readonly detail: string; readonly nextTry: number | null }
  | { readonly type: 'unreachable'; readonly detail: string; readonly nextTry: number | null }
);

/** Commands that are sent meanwhile end nothing; that a look found nothing else left does. */
const LEFT_WHEN_FOUND = [{ guard: 'isFound', target: 'patching', actions: 'enter' }, {}] as const;

const machine = setup({
  types: { context: {} as BackendContext, events: {} as BackendEvent },
  actions: {
    enter: assign(({ event }) => ({
      since: event.at,
      detail: 'detail' in event ? event.detail : null,
      nextTry: 'nextTry' in event ? event.nextTry : null,
    })),
    explain: assign(({ event }) => ({
      detail: 'detail' in event ? event.detail : null,
      nextTry: 'nextTry' in event ? event.nextTry : null,
    })),
    reach: assign(({ event }) => (event.type === 'synced' ? { revision: event.revision } : {})),
  },
  guards: { isFound: ({ event }) => event.type === 'patching' && event.found },
}).createMachine({
  id: 'backend',
  initial: 'unknown',
  options: { maxIterations: 1000 },
  context: { since: 0, revision: 0, detail: null, nextTry: null },
  on: {
    patching: { target: '.patching', actions: 'enter' },
    synced: { target: '.in-sync', actions: ['enter', 'reach'] },
    drifted: { target: '.drifted', actions: 'enter' },
    'reload-wanted': { target: '.awaiting-reload', actions: 'enter' },
    reloading: { target: '.reloading', actions: 'enter' },
    blocked: { target: '.blocked', actions: 'enter' },
    unreachable: { target: '.unreachable', actions: 'enter' },
  },
  states: {
    unknown: {},
    'in-sync': { on: { synced: { actions: 'reach' } } },
    patching: {},
    'awaiting-reload': { on: { 'reload-wanted': { actions: 'explain' }, patching: LEFT_WHEN_FOUND } },
    reloading: { on: { reloaded: { target: 'patching', actions: 'enter' }, patching: {}, 'reload-wanted': {} } },
    drifted: { on: { drifted: { actions: 'explain' } } },
    unreachable: { on: { unreachable: { actions: 'explain' } } },
    blocked: { on: { blocked: { actions: 'explain' }, patching: LEFT_WHEN_FOUND } },
  },
});

export const backendMachine = machine;

const unseen = begin<BackendState, BackendContext>(machine, BACKEND_SCHEMA, undefined);

export function newBackend(): BackendSnapshot {
  return unseen;
}

export function stepBackend(snapshot: BackendSnapshot, event: BackendEvent): BackendSnapshot {
  const next = step(machine, snapshot, event);
  return event.looked === undefined ? next : lookedAt(next, event.looked);
}

/** What a look found is kept, however the backend stands. */
export function lookedAt(snapshot: BackendSnapshot, looked: Looked): BackendSnapshot {
  return { ...snapshot, context: { ...snapshot.context, looked } };
}

/** The backend's side of a proxy's event; null when it says nothing about how the backend stands. */
export function backendEvent(event: ProxyEvent, at: number): BackendEvent | null {
  const means = meaningOf(event, at);
  return means === null || !('looked' in event) || event.looked === undefined ? means : { ...means, looked: event.looked };
}

function meaningOf(event: ProxyEvent, at: number): BackendEvent | null {
  switch (event.type) {
    case 'patching':
      return { type: 'patching', at, found: event.commands.length === 0 };
    case 'reloading':
    case 'reloaded':
      return { type: event.type, at };
    case 'synced':
      return { type: 'synced', at, revision: event.revision };
    case 'drifted':
    case 'reload-wanted':
      return { type: event.type, at, detail: event.detail };
    case 'blocked':
    case 'unreachable':
      return { type: event.type, at, detail: event.detail, nextTry: event.nextTry };
    case 'commands':
    case 'worker':
      return null;
  }
}
