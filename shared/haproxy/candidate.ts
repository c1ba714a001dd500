/**
 * Tries new managed files with HAProxy before they become the live ones. One service that HAProxy refuses keeps its last good
 * file (or has none), and all others go on (I10). Nothing live is written here: the accepted files are the caller's to write.
 */
import type { ServiceName } from '../model/ids.ts';
import { type ConfigFault, checkConfig, nameWithin } from './config-check.ts';
import { createFolder, removeCandidate, settleRejected, writeCandidate } from './managed-folder.ts';
import { serviceOfFile } from './render-managed.ts';
import { serviceFileName } from './render-service.ts';

/** One check takes 40 ms to 1 s. More refused services than this in one go are found at the next attempt. */
const CHECKS_MAX = 64;

export interface CandidateInput {
  readonly binary: string;
  /** The operator's own file, if there is one. */
  readonly base: string | null;
  /** The managed folder. */
  readonly managed: string;
  /** The files as they should be (`managedFiles`). */
  readonly wanted: ReadonlyMap<string, string>;
  /** Ours that are there now: the last good ones (`readManaged`). */
  readonly present: ReadonlyMap<string, string>;
  /** Files of others in the folder, which HAProxy loads too (`readManaged`). */
  readonly foreign: ReadonlyMap<string, string>;
  /** Services that the running worker has: none of them is given up for want of a valid file. Empty when none runs. */
  readonly loaded: ReadonlySet<ServiceName>;
  /** Services that are refused for another reason already (a listener that is taken), with that reason. */
  readonly refused?: ReadonlyMap<ServiceName, string>;
  /** ms for one `haproxy -c` */
  readonly deadlineMs?: number;
}

export interface CandidateResult {
  /** What may be written: new files, last good ones, and no file where there is neither. The present ones when nothing could be accepted. */
  readonly accepted: Map<string, string>;
  /** Why a service's new file is refused, in HAProxy's words. */
  readonly rejected: Map<ServiceName, string>;
  /** Why our new global file is refused; the last good one stands in for it. */
  readonly globalRejected: string | null;
  /** Why no reload can be made at all, whatever our services say: the base file is refused, or a service that runs is. */
  readonly baseInvalid: string | null;
}

export async function tryCandidate(input: CandidateInput): Promise<CandidateResult> {
  await createFolder(input.managed);
  let trial = trialOf(input);
  let baseInvalid: string | null = null;
  let blocked = await trial.run();
  if (blocked !== null || trial.reasons.size > 0) {
    baseInvalid = await baseFault(input);
    if (baseInvalid !== null) {
      // Then our files are tried without it, so that they can be written, and be there when the base is mended.
      trial = trialOf({ ...input, base: null });
      blocked = await trial.run();
    }
  }
  await settleRejected(input.managed, trial.rejectedContents());
  return {
    accepted: blocked === null ? trial.contents() : new Map(input.present),
    rejected: trial.rejectedServices(),
    globalRejected: trial.globalRejected(),
    baseInvalid: baseInvalid ?? blocked,
  };
}

function trialOf(input: CandidateInput): Trial {
  const trial = new Trial(input);
  for (const [service, reason] of input.refused ?? []) trial.refuse(serviceFileName(service), reason);
  return trial;
}

async function baseFault(input: CandidateInput): Promise<string | null> {
  if (input.base === null) return null;
  const fault = await checkConfig(input.binary, [input.base], input.deadlineMs);
  // A base without a listener of its own is no fault: our files may bring one.
  return fault === null || fault.noListener ? null : fault.message;
}

/** One attempt: for each file the version that is tried now, and why the wanted one is no longer. */
class Trial {
  private readonly input: CandidateInput;
  /** By file: the versions still to be tried, best first; an empty list: no file. */
  private readonly versions = new Map<string, string[]>();
  readonly reasons = new Map<string, string>();
  private checks = 0;

  constructor(input: CandidateInput) {
    this.input = input;
    for (const [file, content] of input.wanted) {
      const present = input.present.get(file);
      this.versions.set(file, present === undefined || present === content ? [content] : [content, present]);
    }
  }

  contents(): Map<string, string> {
    const contents = new Map<string, string>();
    for (const [file, [content]] of this.versions) if (content !== undefined) contents.set(file, content);
    return contents;
  }

  rejectedContents(): Map<string, string> {
    return new Map([...this.reasons.keys()].map((file) => [file, this.input.wanted.get(file) ?? '']));
  }

  rejectedServices(): Map<ServiceName, string> {
    const rejected = new Map<ServiceName, string>();
    for (const [file, reason] of this.reasons) {
      const service = serviceOfFile(file);
      if (service !== null) rejected.set(service, reason);
    }
    return rejected;
  }

  globalRejected(): string | null {
    return [...this.reasons].find(([file]) => serviceOfFile(file) === null)?.[1] ?? null;
  }

  /** Goes back one version; false: there is none to go back to, and the file cannot be done without. */
  refuse(file: string, reason: string): boolean {
    const versions = this.versions.get(file);
    if (versions === undefined || versions.length === 0) return false;
    const service = serviceOfFile(file);
    const needed = service === null || this.input.loaded.has(service);
    if (versions.length === 1 && needed) return false;
    versions.shift();
    if (!this.reasons.has(file)) this.reasons.set(file, reason);
    return true;
  }

  /** null: the contents are accepted; otherwise why nothing can be. */
  async run(): Promise<string | null> {
    for (;;) {
      const fault = await this.check(this.contents());
      if (fault === null) return null;
      if (fault.noListener || fault.files.some((file) => this.input.foreign.has(file))) return fault.message;
      const named = fault.files.filter((file) => this.versions.has(file));
      const guilty = named.length > 0 ? named : await this.isolated();
      const moved = guilty.filter((file) => this.refuse(file, reasonFor(file, fault)));
      if (moved.length === 0 || this.checks >= CHECKS_MAX) return fault.message;
    }
  }

  /** The files that have something to go back to. */
  private optional(): string[] {
    return [...this.versions]
      .filter(([file, versions]) => versions.length > 1 || (versions.length === 1 && this.droppable(file)))
      .map(([f]) => f);
  }

  private droppable(file: string): boolean {
    const service = serviceOfFile(file);
    return service !== null && !this.input.loaded.has(service);
  }

  /** When HAProxy names no file of ours: those that are refused even with every other one at its fallback. */
  private async isolated(): Promise<string[]> {
    const suspects = this.optional();
    // Refused without any of them: none is to blame.
    return (await this.check(this.onlyNew([]))) === null ? this.halve(suspects) : [];
  }

  private async halve(suspects: readonly string[]): Promise<string[]> {
    if (suspects.length === 0 || this.checks >= CHECKS_MAX) return [];
    if ((await this.check(this.onlyNew(suspects))) === null) return [];
    if (suspects.length === 1) return [...suspects];
    const half = Math.ceil(suspects.length / 2);
    return [...(await this.halve(suspects.slice(0, half))), ...(await this.halve(suspects.slice(half)))];
  }

  /** The contents with every optional file at its fallback, except these. */
  private onlyNew(files: readonly string[]): Map<string, string> {
    const contents = this.contents();
    for (const file of this.optional()) {
      if (files.includes(file)) continue;
      const fallback = this.versions.get(file)?.[1];
      if (fallback === undefined) contents.delete(file);
      else contents.set(file, fallback);
    }
    return contents;
  }

  /** `haproxy -c` on a folder with these files; the fault names files of the managed folder by their names. */
  private async check(contents: ReadonlyMap<string, string>): Promise<ConfigFault | null> {
    this.checks += 1;
    const { binary, base, managed, foreign, deadlineMs } = this.input;
    const folder = await writeCandidate(managed, [...foreign, ...contents]);
    try {
      const fault = await checkConfig(binary, [...(base === null ? [] : [base]), folder], deadlineMs);
      if (fault === null || (base === null && fault.noListener)) return null;
      const files = fault.files.map((file) => nameWithin(folder, file) ?? file);
      return { ...fault, message: fault.message.replaceAll(folder, managed), files };
    } finally {
      await removeCandidate(folder);
    }
  }
}

/** The alerts that name the file, or all of them. */
function reasonFor(file: string, fault: ConfigFault): string {
  const lines = fault.message.split('\n').filter((line) => line.includes(`/${file}:`));
  return lines.length > 0 ? lines.join('\n') : fault.message;
}
