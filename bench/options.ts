/** The command line of the bench. */
import { parseArgs } from 'node:util';

export const PARTS = ['latency', 'checked', 'loss', 'stages', 'log', 'apply', 'fleet', 'new-service', 'codecs', 'registrar'] as const;
export type Part = (typeof PARTS)[number];

export interface Options {
  /** Measured changes of each kind, per variant. */
  readonly rounds: number;
  /** Changes before those, not counted. */
  readonly warmUp: number;
  /** ms between two requests of the poller. */
  readonly everyMs: number;
  readonly churns: number;
  readonly reloads: number;
  /** Of the export that is replayed. */
  readonly logEvents: number;
  readonly parts: readonly Part[];
  /** Where the results go; null: nowhere. */
  readonly out: string | null;
  readonly quick: boolean;
}

export const USAGE = `usage: npm run bench -- [--quick] [--rounds N] [--every MS] [--only ${PARTS.join(',')}] [--out DIR]
  --quick     20 rounds, 20 churns, 3 reloads, a log of 100,000 events instead of 1,000,000; writes nothing unless --out is given
  --rounds N  measured creates and deletes per variant (100)
  --every MS  the poller asks so often (1): oftener takes CPU from what is measured, seldomer sees changes later
  --only      some parts of it
  --out DIR   where the results go (bench/results)
HAPROXY=/path/to/haproxy runs everything with that one; new-service needs 3.4 or later, and is left out of a full run with an older one`;

const FULL = { rounds: 100, warmUp: 10, churns: 200, reloads: 10, logEvents: 1_000_000 };
const QUICK = { rounds: 20, warmUp: 5, churns: 20, reloads: 3, logEvents: 100_000 };
const ROUNDS_MAX = 10_000;
const EVERY_MS = 1;
const EVERY_MAX_MS = 100;

/** @throws Error with a line for the reader. */
export function parseOptions(argv: readonly string[], results: string): Options {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      quick: { type: 'boolean', default: false },
      rounds: { type: 'string' },
      every: { type: 'string' },
      only: { type: 'string' },
      out: { type: 'string' },
    },
  });
  const amounts = values.quick ? QUICK : FULL;
  const rounds = whole('--rounds', values.rounds ?? String(amounts.rounds), ROUNDS_MAX);
  const everyMs = whole('--every', values.every ?? String(EVERY_MS), EVERY_MAX_MS);
  const out = values.out ?? (values.quick || values.only !== undefined ? null : results);
  return { ...amounts, rounds, everyMs, parts: partsOf(values.only), out, quick: values.quick };
}

function whole(option: string, text: string, most: number): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1 || value > most) throw new Error(`${option} must be a whole number from 1 to ${most}`);
  return value;
}

function partsOf(only: string | undefined): readonly Part[] {
  if (only === undefined) return PARTS;
  return only.split(',').map((name) => {
    const part = PARTS.find((known) => known === name);
    if (part === undefined) throw new Error(`--only knows ${PARTS.join(', ')}, not ${name}`);
    return part;
  });
}
