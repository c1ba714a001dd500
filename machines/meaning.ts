/**
 * PURE. What the states and events of the machines mean, in words: what people see, who sends it, and why an event does nothing where it does nothing.
 * SPEC.md is written from it. Each record is total over the types, so that a new state or event is not left without words.
 */
import type { BackendEvent, BackendState } from './backend.ts';
import type { CheckEvent, CheckState } from './check.ts';
import type { GuardEvent, GuardState } from './guard.ts';
import type { InstanceState } from './instance.ts';
import type { InstanceEvent } from './instance-event.ts';

/** `ignored`: state -> event -> why no way is taken there (or none, when the guards of all ways say no). */
export interface Meaning<State extends string = string, Event extends string = string> {
  readonly states: Readonly<Record<State, string>>;
  readonly events: Readonly<Record<Event, string>>;
  readonly ignored: Readonly<Record<State, Readonly<Partial<Record<Event, string>>>>>;
}

/** A deadline is answered by the visit that armed it, and by no other. */
const STALE = 'the token is of an earlier visit, or was answered before';

export const INSTANCE: Meaning<InstanceState, InstanceEvent['type']> = {
  states: {
    joining:
      'registered and accepted; no proxy has seen it up yet. People see `joining`, or `failing` when every proxy that looked sees it down',
    serving:
      'registered, and seen up at least once since it joined. People see `serving`, or `failing` when every proxy that looked sees it down',
    held: 'its registration ended, and it is kept: by the guard, or as the last server that HAProxy sees up. People see `held`',
    draining: 'its registration ended and that is believed: no new requests, its sessions may finish. People see `draining`',
    rejected:
      'its znode is there, what it says cannot be used, and there is no good form to go on with. People see `rejected` with the reason',
    gone: 'never heard of, or ended. People see `gone` where it is remembered, otherwise nothing',
  },
  events: {
    accept: 'the fold, of a `registered` or `changed` event (or a new config, or an address that became free) that may be used',
    reject: 'the fold, of the same when it may not be used. `keep`: it is bad data, and the last good form is still allowed',
    unback: 'the fold, when one of several znodes went, or a znode of an instance that serves nobody',
    lose: 'the fold, when the last znode went and the loss is believed, or who was kept is kept no longer',
    hold: 'the fold, when the last znode went and the instance is kept, or a drain is undone',
    health: 'an observer, by the `health` event: what one proxy says now, and what it said before',
    cordon: 'an operator, by the `cordoned` event',
    uncordon: 'an operator, by the `uncordoned` event',
    quarantine: 'the fold (flapping.ts), when it changes too often',
    pardon: 'the fold (flapping.ts), when no server is up any more and this one would be',
    scale: 'the fold, when the config turns the warm-up of the service on or off',
    place:
      'the fold, when its registration and the config (`prefer`, `weights`, `server.options`) say otherwise whether it stands by, how it weighs, how many connections it takes',
    withdraw:
      'the fold (withdrawal.ts), when it comes to ask for no requests or for some again; and when it keeps what it had, or does so no longer',
    tier: 'the fold (stand-by.ts), when it is registered below another of several paths, or another of them becomes the active one',
    rename: 'the fold (stand-by.ts), when the config names several paths where it named one',
    timer: 'the transition worker, by the `timer` event, when a deadline of the snapshot is due',
  },
  ignored: {
    joining: { timer: STALE },
    serving: { timer: STALE },
    held: { hold: 'it is held already; whose turn it is to let it go is not its business', timer: STALE },
    draining: { lose: 'it drains already, and the first deadline stands: a second loss must not prolong it', timer: STALE },
    rejected: { hold: 'it has no server that could be kept', timer: STALE },
    gone: {
      unback: 'it has no znode',
      lose: 'it has no registration to lose',
      hold: 'it has no server that could be kept: the drain was over before the hold began',
      timer: STALE,
    },
  },
};

export const GUARD: Meaning<GuardState, GuardEvent['type']> = {
  states: {
    open: 'losses are believed as they come; those of the last `window` are counted. `status` says nothing',
    holding: 'too many were lost at once: none of them is believed until `hold` is over. `status` shows the service as held',
    releasing: '`hold` is over: they are let go one after the other, 15 % of the instances a minute and at least one',
    frozen: 'the registry went backwards: no loss is believed until an operator says so',
  },
  events: {
    count: 'the fold, when the number of registered instances changed, of all or below one of several paths',
    loss: 'the fold, when the last znode of a registered instance went',
    return: 'the fold, when an instance of the list has a znode again, accepted or not',
    settle:
      'the fold, when an instance of the list is kept no longer for its own reasons: every proxy that looked sees it down, or it went',
    freeze: 'the watcher, by the `backwards` event',
    release: 'an operator, by `released` or `trusted`',
    timer: 'the transition worker, by the `timer` event without an instance',
  },
  ignored: {
    open: {
      settle: 'nobody is held, so nobody can be let go for being down',
      release: 'nobody is held',
      timer: 'no deadline is armed while it is open: it is one of an earlier hold',
    },
    holding: { timer: STALE },
    releasing: { timer: STALE },
    frozen: {
      freeze: 'it is frozen already, and began when it began',
      timer: 'no deadline is armed while it is frozen: only an operator ends it',
    },
  },
};

const NOT_RELOADING = 'no reload of this backend is on its way: how it stands was told by something later';

export const BACKEND: Meaning<BackendState, BackendEvent['type']> = {
  states: {
    unknown: 'nobody looked yet',
    'in-sync': 'the last look found what is desired, at the revision that it names',
    patching: 'commands are on their way through the runtime socket',
    'awaiting-reload': 'the socket cannot do what is left; the reload is asked for, and `detail` says why',
    reloading: 'the reload is being done',
    drifted: 'HAProxy differs from what is desired although everything was sent; `detail` says in what',
    unreachable: 'the proxy does not answer; `detail` says how, `nextTry` when it is tried again',
    blocked: 'it cannot be brought in step as things are; `detail` has the words of HAProxy where there are any',
  },
  events: {
    patching:
      'the reconcile worker, before it sends commands, and (`isFound`) when its last look found that what is left comes by further commands or by time',
    synced: 'the reconcile worker, when its last look found an empty plan',
    drifted: 'the reconcile worker, when its last look found a plan after everything was sent',
    'reload-wanted': 'the reconcile worker, when what is left needs a reload',
    reloading: 'the reload worker, before the reload',
    reloaded: 'the reload worker, when the new HAProxy worker answers',
    blocked: 'the reconcile or the reload worker, with the reason',
    unreachable: 'the reconcile worker, when the proxy does not answer',
  },
  ignored: {
    unknown: { reloaded: NOT_RELOADING },
    'in-sync': { reloaded: NOT_RELOADING },
    patching: { reloaded: NOT_RELOADING },
    'awaiting-reload': {
      patching: 'what the socket can do is done meanwhile; until a look finds otherwise it is still the reload that is waited for',
      reloaded: NOT_RELOADING,
    },
    reloading: {
      patching: 'what the socket can do is done meanwhile; it is still the reload that is waited for',
      'reload-wanted': 'a reload is on its way; if that one was not enough, the look behind it says so',
    },
    drifted: { reloaded: NOT_RELOADING },
    unreachable: { reloaded: NOT_RELOADING },
    blocked: {
      patching: 'what can be done is done, and the block remains: what the look behind it finds decides',
      reloaded: NOT_RELOADING,
    },
  },
};

export const CHECK: Meaning<CheckState, CheckEvent['type']> = {
  states: {
    unknown: 'too few outcomes to say; nothing is registered for it yet, and nothing taken away',
    passing: 'good: the last `rise` outcomes of some time were, and no `fall` in a row failed since',
    failing: 'failed: `detail` says how the last failed outcome went',
  },
  events: {
    pass: 'the check loop, when the check was made and was good',
    fail: 'the check loop, when it failed, or was not done within its timeout',
  },
  ignored: {
    unknown: {},
    passing: { pass: 'it passes, and nothing spoke against it' },
    failing: {},
  },
};
