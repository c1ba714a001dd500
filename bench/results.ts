/** PURE. What a run of the bench found, in a form that is kept: no paths, no names of machines. Times are ms. */
import type { Samples } from './latency.ts';
import type { Loss } from './loss.ts';
import type { Stages } from './stages.ts';
import { type Summary, summary } from './statistics.ts';

export interface Machine {
  readonly cores: number;
  readonly node: string;
  readonly haproxy: string;
  /** One minute's load average, before and after. */
  readonly load: readonly [number, number];
}

export interface Side {
  readonly summary: Summary;
  /** In the order of the rounds. */
  readonly ms: readonly number[];
}

export interface VariantResult {
  readonly variant: Samples['variant'];
  readonly add: Side;
  readonly remove: Side;
  /** Until the last answer of what was removed. */
  readonly last: Summary;
  /** Zookeeper's answer to the call itself, creates and deletes together. */
  readonly zookeeper: Summary;
  /** Requests of the poller without an answer of 200. */
  readonly failedPolls: number;
}

export interface Target {
  readonly what: string;
  readonly found: number;
  readonly most: number;
  readonly met: boolean;
}

export interface Results {
  readonly format: 1;
  /** Of the run, e.g. 2026-11-23. */
  readonly date: string;
  readonly machine: Machine;
  /** ms between two requests of the poller. */
  readonly everyMs: number;
  /** Without checks; absent: not measured. */
  readonly latency?: readonly VariantResult[];
  /** With checks. */
  readonly checked?: readonly VariantResult[];
  readonly loss?: { readonly churn: Loss; readonly reload: Loss };
  readonly stages?: Stages;
  readonly targets: readonly Target[];
}

const MOST = { ofBare: 2, ofReload: 0.2, ofBareChecked: 1.2 };

export function variantResult({ variant, add, remove }: Samples): VariantResult {
  const side = (all: Samples['add']): Side => ({
    summary: rounded(summary(all.map(({ moved }) => moved))),
    ms: all.map(({ moved }) => round(moved)),
  });
  const all = [...add, ...remove];
  return {
    variant,
    add: side(add),
    remove: side(remove),
    last: rounded(summary(remove.map(({ moved, last }) => last ?? moved))),
    zookeeper: rounded(summary(all.map(({ answered }) => answered))),
    failedPolls: all.reduce((sum, { failed }) => sum + failed, 0),
  };
}

export function targetsOf({ latency, checked, loss }: Pick<Results, 'latency' | 'checked' | 'loss'>): Target[] {
  const targets: Target[] = [];
  for (const change of ['add', 'remove'] as const) {
    targets.push(...ratio(latency, change, 'bare', MOST.ofBare, ''), ...ratio(latency, change, 'reload', MOST.ofReload, ''));
    // A check stands before an admission only; a removal waits for none, so it is held to what holds without checks.
    targets.push(...ratio(checked, change, 'bare', change === 'add' ? MOST.ofBareChecked : MOST.ofBare, ', with checks'));
  }
  if (loss === undefined) return targets;
  for (const [what, { kept, fresh }] of [
    ['churn', loss.churn],
    ['reloads', loss.reload],
  ] as const) {
    targets.push(target(`requests lost through ${what}`, kept.failed + fresh.failed, 0));
  }
  targets.push(target('reloads through churn', loss.churn.reloads, 0));
  return targets;
}

function ratio(
  results: readonly VariantResult[] | undefined,
  change: 'add' | 'remove',
  other: 'bare' | 'reload',
  most: number,
  how: string,
): Target[] {
  const p50 = (name: string): number | undefined => results?.find(({ variant }) => variant === name)?.[change].summary.p50;
  const [ours, theirs] = [p50('pointsman'), p50(other)];
  if (ours === undefined || theirs === undefined) return [];
  return [target(`${change}: p50 of pointsman to p50 of ${other}${how}`, round(ours / theirs), most)];
}

export function target(what: string, found: number, most: number): Target {
  return { what, found, most, met: found <= most };
}

export function rounded(of: Summary): Summary {
  return { n: of.n, p50: round(of.p50), p90: round(of.p90), p99: round(of.p99), max: round(of.max) };
}

export function round(value: number): number {
  return Math.round(value * 100) / 100;
}
