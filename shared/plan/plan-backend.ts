/**
 * PURE. The commands that take a backend from what was observed to what is desired; run again on the result it plans nothing.
 * It never looks at events, only at the two states, so a lost event or a crash between two commands costs a pass and no more: a server
 * that was left half made is recognised by its state and finished. Adds come before removals, so that a removal that cannot be done yet
 * (sessions are left) never holds back a server that is needed. A backend that pointsman did not declare is never touched.
 */
import type { Capabilities } from '../model/capabilities.ts';
import { type DesiredBackend, type DesiredServer, ownOptions } from '../model/desired.ts';
import type { ObservedBackend, ObservedServer } from '../model/observed.ts';
import { admissionOf } from './admission.ts';
import type { BackendPlan, Hold, PlannedCommand, Waiting } from './backend-plan.ts';
import { changesOf, movesTo, putsOut, weightOf } from './changes.ts';
import type { Command } from './command.ts';
import { ANY_FORM, type Forms, misfit, serves } from './fit.ts';
import { RELOADS } from './reloads.ts';
import { Replacements, UNTIL_UP } from './replacements.ts';
import { isQuiet, type ServerSessions, sessionsLeft } from './sessions.ts';
import { stoodInFor } from './stand-in.ts';
import { whyStrangersStay } from './strangers.ts';
import { withWeightsHere } from './weights-here.ts';

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
  /** Missing: no server is judged by what it was made with. */
  readonly forms?: Forms;
  /** By server name, what HAProxy lets in at once; missing: it was not asked. */
  readonly maxConns?: ReadonlyMap<string, number>;
  readonly capabilities: Capabilities;
  /** Why servers that nobody has heard of stay (null: they may go), if that is known already; else it is judged by what is observed. */
  readonly strangersStay?: string | null;
  /** The prefix of another installation that declared the backend; missing: none did. */
  readonly anothers?: string | null;
  /** Why none is begun to be made anew with other options; missing: nothing is against it. */
  readonly hold?: Hold | null;
  /** No files and no reloads: what a reload would do is `blocked`, and every backend of a service counts as ours. */
  readonly runtimeOnly: boolean;
}

export function planBackend(input: BackendInput): BackendPlan {
  const { backend, desired, observed, runtimeOnly } = input;
  const nothing: BackendPlan = { backend, commands: [], waiting: [], reload: null, blocked: null };
  if (observed !== null && input.anothers) {
    return desired === null ? nothing : { ...nothing, blocked: `another pointsman installation (prefix ${input.anothers}) declared it` };
  }
  if (desired === null) {
    const loaded = observed !== null && observed.structure !== null && !runtimeOnly;
    return loaded ? { ...nothing, reload: { reason: RELOADS.removed.reason } } : nothing;
  }
  if (observed === null) {
    return runtimeOnly
      ? { ...nothing, blocked: `HAProxy has no backend ${backend}, and runtimeOnly rules out a reload` }
      : { ...nothing, reload: { reason: RELOADS.missing.reason } };
  }
  if (!runtimeOnly && observed.structure === null) {
    return { ...nothing, blocked: `HAProxy has a backend ${backend} that pointsman did not declare` };
  }
  const planner = new ServerPlanner(input, desired, observed);
  planner.run();
  const reload = !runtimeOnly && observed.structure !== input.structure ? { reason: RELOADS.restructured.reason } : null;
  const { commands, waiting, anew } = planner;
  return { backend, commands, waiting, reload, blocked: null, ...(anew === null ? {} : { anew }) };
}

/** One run over one backend's servers. */
class ServerPlanner {
  readonly waiting: Waiting[] = [];
  readonly #admissions: PlannedCommand[] = [];
  readonly #changes: PlannedCommand[] = [];
  readonly #drains: PlannedCommand[] = [];
  readonly #removals: PlannedCommand[] = [];
  readonly #input: BackendInput;
  readonly #desired: DesiredBackend;
  readonly #observed: ObservedBackend;
  readonly #byId = new Map<number, ObservedServer>();
  readonly #strangersStay: string | null;
  readonly #forms: Forms;
  readonly #replacements: Replacements;
  #makesAnew = false;

  constructor(input: BackendInput, desired: DesiredBackend, observed: ObservedBackend) {
    this.#input = input;
    this.#observed = observed;
    this.#strangersStay = input.strangersStay === undefined ? whyStrangersStay(desired, observed) : input.strangersStay;
    this.#forms = input.forms ?? ANY_FORM;
    this.#replacements = new Replacements(desired, observed, this.#forms, input.hold ?? null);
    this.#desired = withWeightsHere(desired, (server) => this.#replacements.serves(server));
    for (const seen of observed.servers.values()) this.#byId.set(seen.id, seen);
  }

  get commands(): readonly PlannedCommand[] {
    return [...this.#admissions, ...this.#changes, ...this.#drains, ...this.#removals];
  }

  /** null: none is made anew. */
  get anew(): NonNullable<BackendPlan['anew']> | null {
    if (!this.#makesAnew) return null;
    return { held: this.#replacements.isHeld ? (this.#input.hold ?? null) : null };
  }

  run(): void {
    for (const name of [...new Set([...this.#desired.servers.keys(), ...this.#observed.servers.keys()])].sort()) this.#server(name);
  }

  #server(name: string): void {
    const wanted = this.#desired.servers.get(name);
    const seen = this.#observed.servers.get(name);
    const original = stoodInFor(name);
    if (seen !== undefined && original !== null && (this.#desired.servers.has(original) || this.#desired.gone.has(original))) {
      this.#standIn(seen, original);
    } else if (wanted === undefined) {
      if (seen !== undefined) this.#stranger(seen);
    } else if (seen === undefined) {
      if (wanted.admin === 'ready') this.#add(wanted);
    } else if (wanted.admin === 'out') {
      this.#takeOut(wanted, seen);
    } else if (wanted.admin === 'drain') {
      this.#drain(seen);
    } else {
      const unfit = misfit(this.#desired, wanted, seen, this.#observed, this.#forms);
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
    this.#admissions.push({ command: this.#addition(wanted), reason: 'it is not there' });
  }

  #addition({ name, id, address, port, weight, ...own }: DesiredServer): Command {
    const { check, server, cookie } = this.#desired.config;
    const config = cookie === undefined ? { check, server } : { check, server, cookie };
    return { kind: 'add', ...this.#at(name), id, address, port, weight, ...ownOptions(own), config };
  }

  #ready(wanted: DesiredServer, seen: ObservedServer): void {
    const admission = admissionOf(this.#desired.config, seen);
    // A server that comes in gets its address and weight first, so that what is checked is what will serve. Who goes does so behind who takes over.
    const changes = admission === null ? this.#changes : this.#admissions;
    for (const change of changesOf(this.#desired, wanted, seen, this.#input.maxConns?.get(seen.name)))
      (putsOut(change, seen) ? this.#drains : changes).push(change);
    if (admission === null) return;
    if (movesTo(wanted, seen) && this.#input.capabilities.addressLater)
      this.waiting.push({ server: seen.name, reason: 'it is not seen at its address yet' });
    else this.#admissions.push(admission);
  }

  /** No new requests for now; whatever else it needs it gets when it comes in again. */
  #takeOut({ byHand }: DesiredServer, seen: ObservedServer): void {
    const set = byHand?.admin;
    const reason = set === undefined ? 'it is taken out' : `somebody had set it to ${set}`;
    if (seen.admin !== (set ?? seen.admin) || seen.admin === 'ready')
      this.#drains.push({ command: { kind: set ?? 'drain', ...this.#at(seen.name) }, reason });
  }

  /** No new requests, then gone when its sessions have ended. */
  #drain(seen: ObservedServer): void {
    const sessions = this.#input.sessions.get(seen.name);
    if (seen.admin === 'ready') {
      this.#drains.push({ command: { kind: 'drain', ...this.#at(seen.name) }, reason: 'it is leaving' });
    } else if (isQuiet(sessions)) {
      this.#delete(seen, 'its sessions have ended');
    } else {
      this.waiting.push({ server: seen.name, reason: `draining, ${sessionsLeft(sessions)}` });
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
      this.waiting.push({ server: seen.name, reason: `draining, ${sessionsLeft(sessions)}` });
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
    this.waiting.push({ server: seen.name, reason: `to be deleted, ${sessionsLeft(sessions)}` });
  }

  #delete(seen: ObservedServer, reason: string): void {
    if (seen.admin !== 'maint') this.#removals.push({ command: { kind: 'maint', ...this.#at(seen.name) }, reason });
    this.#removals.push({ command: { kind: 'delete', ...this.#at(seen.name) }, reason });
  }

  /** A server that must be made anew. One that takes no requests goes at once; else its stand-in comes first. */
  #replace(wanted: DesiredServer, seen: ObservedServer, unfit: string): void {
    this.#makesAnew = true;
    if (seen.admin === 'drain') return this.#seeOff(seen, unfit);
    if (!serves(seen)) return this.#remove(seen, unfit);
    const weight = weightOf(this.#desired, wanted, seen);
    if (weight !== null) (putsOut(weight, seen) ? this.#drains : this.#changes).push(weight);
    const next = this.#replacements.next(wanted, seen);
    if (next.step === 'leave') return this.#seeOff(seen, unfit);
    if (next.step === 'stand-in')
      this.#admissions.push({ command: this.#addition(next.server), reason: `stands in for ${seen.name}: ${unfit}` });
    this.waiting.push({ server: seen.name, reason: `to be made anew (${unfit}) ${next.step === 'wait' ? next.until : UNTIL_UP}` });
  }

  #standIn(seen: ObservedServer, original: string): void {
    this.#makesAnew = true;
    const wanted = this.#desired.servers.get(original);
    if (wanted === undefined || !this.#replacements.needs(seen, original)) this.#seeOff(seen, `${original} needs no stand-in any more`);
    else {
      this.#ready({ ...wanted, name: seen.name, id: seen.id }, seen);
      this.waiting.push({ server: seen.name, reason: `it stands in for ${original}` });
    }
  }

  #at(server: string): { backend: string; server: string } {
    return { backend: this.#input.backend, server };
  }
}
