/**
 * PURE. The commands that take a backend from what was observed to what is desired; run again on the result it plans nothing.
 * It never looks at events, only at the two states, so a lost event or a crash between two commands costs a pass and no more: a server
 * that was left half made is recognised by its state and finished. Adds come before removals, so that a removal that cannot be done yet
 * (sessions are left) never holds back a server that is needed. A backend that pointsman did not declare is never touched.
 */
import type { Capabilities } from '../model/capabilities.ts';
import type { DesiredBackend, DesiredServer } from '../model/desired.ts';
import type { ObservedBackend, ObservedServer } from '../model/observed.ts';
import type { BackendPlan, PlannedCommand, Waiting } from './backend-plan.ts';
import { misfit, serves } from './fit.ts';
import { sameAddress } from './same-address.ts';
import { isQuiet, type ServerSessions } from './sessions.ts';
import { whyStrangersStay } from './strangers.ts';

export interface BackendInput {
  readonly backend: string;
  /** null: the service is not ours any more. */
  readonly desired: DesiredBackend | null;
  /** The structure that our files would load now; null with runtimeOnly. */
  readonly structure: string | null;
  /** null: HAProxy has no such backend. */
  readonly observed: ObservedBackend | null;
  /** By server name; needed for `leavingServers` (fit.ts), the others are not asked for. */
  readonly sessions: ReadonlyMap<string, ServerSessions>;
  readonly capabilities: Capabilities;
  /** Why servers that nobody has heard of stay (null: they may go), if that is known already; else it is judged by what is observed. */
  readonly strangersStay?: string | null;
  /** No files and no reloads: what a reload would do is `blocked`, and every backend of a service counts as ours. */
  readonly runtimeOnly: boolean;
}

export function planBackend(input: BackendInput): BackendPlan {
  const { backend, desired, observed, runtimeOnly } = input;
  const nothing: BackendPlan = { backend, commands: [], waiting: [], reload: null, blocked: null };
  if (desired === null) {
    const loaded = observed !== null && observed.structure !== null && !runtimeOnly;
    return loaded ? { ...nothing, reload: { reason: 'the service is no longer configured' } } : nothing;
  }
  if (observed === null) {
    return runtimeOnly
      ? { ...nothing, blocked: `HAProxy has no backend ${backend}, and runtimeOnly rules out a reload` }
      : { ...nothing, reload: { reason: 'the backend is not loaded' } };
  }
  if (!runtimeOnly && observed.structure === null) {
    return { ...nothing, blocked: `HAProxy has a backend ${backend} that pointsman did not declare` };
  }
  const planner = new ServerPlanner(input, desired, observed);
  planner.run();
  const restructured = !runtimeOnly && observed.structure !== input.structure;
  const reason = restructured ? 'the structure differs from what is loaded' : planner.reloadReason;
  return { backend, commands: planner.commands, waiting: planner.waiting, reload: reason === null ? null : { reason }, blocked: null };
}

/** One run over one backend's servers. */
class ServerPlanner {
  readonly waiting: Waiting[] = [];
  reloadReason: string | null = null;
  readonly #admissions: PlannedCommand[] = [];
  readonly #changes: PlannedCommand[] = [];
  readonly #drains: PlannedCommand[] = [];
  readonly #removals: PlannedCommand[] = [];
  readonly #input: BackendInput;
  readonly #desired: DesiredBackend;
  readonly #observed: ObservedBackend;
  readonly #byId = new Map<number, ObservedServer>();
  #serving = 0;
  readonly #strangersStay: string | null;
  #replacing = false;

  constructor(input: BackendInput, desired: DesiredBackend, observed: ObservedBackend) {
    this.#input = input;
    this.#desired = desired;
    this.#observed = observed;
    this.#strangersStay = input.strangersStay === undefined ? whyStrangersStay(desired, observed) : input.strangersStay;
    for (const seen of observed.servers.values()) {
      this.#byId.set(seen.id, seen);
      if (serves(seen) && desired.servers.get(seen.name)?.admin === 'ready') this.#serving += 1;
    }
  }

  get commands(): readonly PlannedCommand[] {
    return [...this.#admissions, ...this.#changes, ...this.#drains, ...this.#removals];
  }

  run(): void {
    const names = new Set([...this.#desired.servers.keys(), ...this.#observed.servers.keys()]);
    for (const name of [...names].sort()) this.#server(name);
  }

  #server(name: string): void {
    const wanted = this.#desired.servers.get(name);
    const seen = this.#observed.servers.get(name);
    if (wanted === undefined) {
      if (seen !== undefined) this.#stranger(seen);
    } else if (seen === undefined) {
      if (wanted.admin === 'ready') this.#add(wanted);
    } else if (wanted.admin === 'out') {
      this.#takeOut(seen);
    } else if (wanted.admin === 'drain') {
      this.#drain(seen);
    } else {
      const unfit = misfit(this.#desired, wanted, seen);
      if (unfit === null) this.#ready(wanted, seen);
      else this.#replace(wanted, seen, unfit);
    }
  }

  #add(wanted: DesiredServer): void {
    const holder = this.#byId.get(wanted.id);
    if (holder !== undefined) {
      this.waiting.push({ server: wanted.name, reason: `its id ${wanted.id} is still held by ${holder.name}` });
      return;
    }
    const { id, address, port, weight } = wanted;
    const { check, server: options } = this.#desired.config;
    this.#admissions.push({
      command: { kind: 'add', ...this.#at(wanted.name), id, address, port, weight, config: { check, server: options } },
      reason: 'it is not there',
    });
  }

  #ready(wanted: DesiredServer, seen: ObservedServer): void {
    const admission = this.#admission(seen);
    // A server that comes in gets its address and weight first, so that what is checked is what will serve.
    const changes = admission === null ? this.#changes : this.#admissions;
    if (!sameAddress(seen.address, wanted.address) || seen.port !== wanted.port) {
      const { address, port } = wanted;
      changes.push({
        command: { kind: 'address', ...this.#at(seen.name), address, port },
        reason: `it is at ${seen.address} port ${seen.port}`,
      });
    }
    if (seen.weight !== wanted.weight) {
      changes.push({ command: { kind: 'weight', ...this.#at(seen.name), weight: wanted.weight }, reason: `its weight is ${seen.weight}` });
    }
    if (admission !== null) this.#admissions.push(admission);
  }

  /** What is missing for a desired server that is there to take requests; null: nothing. */
  #admission(seen: ObservedServer): PlannedCommand | null {
    const checked = this.#desired.config.check.type !== 'none';
    const admit = (reason: string): PlannedCommand => ({ command: { kind: 'admit', ...this.#at(seen.name), checked }, reason });
    switch (seen.admin) {
      case 'maint':
        return admit('it is in maint');
      case 'drain':
        // Left by a recipe that stopped half way: without a verdict of a check it would get requests at once.
        if (checked && !seen.checking) return admit('it is in drain and not checked');
        if (checked && seen.check !== 'passed' && seen.operation !== 'stopped') return admit('it is in drain and not found good');
        if (!checked && seen.operation === 'stopped') return admit('it is in drain and down, without a check');
        return { command: { kind: 'ready', ...this.#at(seen.name) }, reason: 'it is in drain' };
      case 'ready':
        if (checked && !seen.checking) return { command: { kind: 'enable-health', ...this.#at(seen.name) }, reason: 'its check is off' };
        return !checked && seen.operation === 'stopped' ? admit('it is down, without a check') : null;
    }
  }

  /** No new requests for now; whatever else it needs it gets when it comes in again. */
  #takeOut(seen: ObservedServer): void {
    if (seen.admin === 'ready') this.#drains.push({ command: { kind: 'drain', ...this.#at(seen.name) }, reason: 'it is taken out' });
  }

  /** No new requests, then gone when its sessions have ended. */
  #drain(seen: ObservedServer): void {
    if (seen.admin === 'ready') {
      this.#drains.push({ command: { kind: 'drain', ...this.#at(seen.name) }, reason: 'it is leaving' });
    } else if (isQuiet(this.#input.sessions.get(seen.name))) {
      this.#delete(seen, 'its sessions have ended');
    } else {
      this.waiting.push({ server: seen.name, reason: `draining, ${this.#sessionsOf(seen)}` });
    }
  }

  /** A server that is not desired. One that went by decision of the machines is removed; of another, absence may be want of knowledge. */
  #stranger(seen: ObservedServer): void {
    const { complete, gone } = this.#desired;
    // Its drain may have passed while nobody was here to send it: one that is not seen down drains first.
    if (gone.has(seen.name) && seen.admin === 'ready' && !serves(seen)) this.#remove(seen, 'its instance is gone');
    else if (gone.has(seen.name)) this.#seeOff(seen, 'its instance is gone');
    else if (!complete) return;
    else if (serves(seen) && this.#strangersStay !== null) this.waiting.push({ server: seen.name, reason: this.#strangersStay });
    else this.#seeOff(seen, 'no instance of its name is known');
  }

  /** As an instance that deregisters: no new requests, and drainTimeout for those that it has. No machine keeps the time, so the looks do. */
  #seeOff(seen: ObservedServer, reason: string): void {
    const sessions = this.#input.sessions.get(seen.name);
    if (seen.admin === 'ready') {
      this.#drains.push({ command: { kind: 'drain', ...this.#at(seen.name) }, reason });
      this.waiting.push({ server: seen.name, reason: `draining, ${reason}` });
    } else if (seen.admin === 'maint' || isQuiet(sessions) || (sessions?.countedMs ?? 0) >= this.#desired.config.drainTimeout) {
      this.#remove(seen, reason);
    } else {
      this.waiting.push({ server: seen.name, reason: `draining, ${this.#sessionsOf(seen)}` });
    }
  }

  /** Out now, whatever its sessions are. The delete waits until they are seen to be gone. */
  #remove(seen: ObservedServer, reason: string): void {
    const sessions = this.#input.sessions.get(seen.name);
    if (seen.admin !== 'ready' && isQuiet(sessions)) {
      this.#delete(seen, reason);
      return;
    }
    if (seen.admin !== 'maint') this.#removals.push({ command: { kind: 'maint', ...this.#at(seen.name) }, reason });
    if (sessions === undefined || sessions.current > 0) {
      this.#removals.push({ command: { kind: 'shutdown-sessions', ...this.#at(seen.name) }, reason });
    }
    this.waiting.push({ server: seen.name, reason: `to be deleted, ${this.#sessionsOf(seen)}` });
  }

  #delete(seen: ObservedServer, reason: string): void {
    if (seen.admin !== 'maint') this.#removals.push({ command: { kind: 'maint', ...this.#at(seen.name) }, reason });
    this.#removals.push({ command: { kind: 'delete', ...this.#at(seen.name) }, reason });
  }

  /**
   * A server that must be made anew. One that takes no requests goes at once. Else a reload does it without losing a request; where there is
   * none (runtimeOnly) they go one at a time, and never so that the backend has none: rather a wrong id than no service.
   */
  #replace(wanted: DesiredServer, seen: ObservedServer, unfit: string): void {
    if (!serves(seen)) return this.#remove(seen, unfit);
    if (!this.#input.runtimeOnly) {
      this.reloadReason ??= `server ${seen.name} must be made anew: ${unfit}`;
      return;
    }
    const holder = this.#byId.get(wanted.id);
    // When another server holds its id, this one stays away until that one was replaced in turn: two must be left to serve then.
    const othersNeeded = holder !== undefined && holder !== seen ? 2 : 1;
    if (this.#replacing || this.#serving - 1 < othersNeeded) {
      this.waiting.push({ server: seen.name, reason: `to be made anew (${unfit}) when enough others serve` });
      return;
    }
    this.#replacing = true;
    this.#remove(seen, unfit);
  }

  #sessionsOf(seen: ObservedServer): string {
    const sessions = this.#input.sessions.get(seen.name);
    if (sessions === undefined) return 'sessions not counted yet';
    if (sessions.current === 0) return 'its last session has just ended';
    return `${sessions.current} session${sessions.current === 1 ? '' : 's'} left`;
  }

  #at(server: string): { backend: string; server: string } {
    return { backend: this.#input.backend, server };
  }
}
