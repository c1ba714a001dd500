/**
 * How many payloads a second each codec reads, on one core, without any I/O: what strangers wrote, to a registration or the reason why it is none. A codec's
 * turns are spread over the whole run, so that whatever else happens on the machine meets all of them.
 */
import { parsePayload, SAMPLES, type Sample } from './payloads.ts';
import { type Summary, summary } from './statistics.ts';

/** Payloads of one turn, and turns of each codec. */
const TURN = 10_000;
const TURNS = 20;

export interface CodecsFound {
  readonly rows: readonly CodecFound[];
}

export interface CodecFound {
  readonly what: string;
  readonly bytes: number;
  /** Payloads a second. */
  readonly perSecond: Summary;
  /** Time of one payload to that of `JSON.parse` of the same bytes, medians. */
  readonly toParse: number;
}

export function measureCodecs(progress: (text: string) => void): CodecsFound {
  const took = new Map(SAMPLES.map((sample) => [sample, { ours: [] as number[], bare: [] as number[] }]));
  for (let turn = -1; turn < TURNS; turn += 1) {
    progress(`codecs: turn ${turn + 1} of ${TURNS}`);
    for (const [sample, { ours, bare }] of took) {
      const a = timed(() => sample.decode());
      const b = timed(() => parsePayload(sample));
      // The first turn compiles.
      if (turn < 0) continue;
      ours.push(a);
      bare.push(b);
    }
  }
  return { rows: [...took].map(([sample, { ours, bare }]) => row(sample, ours, bare)) };
}

function row(sample: Sample, ours: readonly number[], bare: readonly number[]): CodecFound {
  const perSecond = summary(ours.map((ms) => Math.round((TURN / ms) * 1000)));
  const toParse = summary(ours).p50 / summary(bare).p50;
  return { what: sample.what, bytes: sample.data.length, perSecond, toParse: Math.round(toParse * 100) / 100 };
}

/** ms of one turn. */
function timed(work: () => unknown): number {
  let kept: unknown;
  const began = performance.now();
  for (let count = 0; count < TURN; count += 1) kept = work();
  const ms = performance.now() - began;
  if (kept === undefined) throw new Error('a codec said nothing');
  return ms;
}
