/** The command line of the bench. */
import { parseArgs } from 'node:util';

export const PARTS = ['latency', 'checked', 'loss', 'stages'] as const;
export type Part = (typeof PARTS)[number];

export interface Options {
  /** Measured changes of each kind, per variant. */
  readonly rounds: number;
  /** Changes before those, not counted. */
  readonly warmUp: number;
  readonly churns: number;
  readonly reloads: number;
  readonly parts: readonly Part[];
  /** Where the results go; null: nowhere. */
  readonly out: string | null;
  readonly quick: boolean;
}

export const USAGE = `usage: npm run bench -- [--quick] [--rounds N] [--only ${PARTS.join(',')}] [--out DIR]
  --quick     20 rounds, 20 churns, 3 reloads; writes nothing unless --out is given
  --rounds N  measured creates and deletes per variant (100)
  --only      some parts of it
  --out DIR   where the results go (bench/results)`;

const FULL = { rounds: 100, warmUp: 10, churns: 200, reloads: 10 };
const QUICK = { rounds: 20, warmUp: 5, churns: 20, reloads: 3 };
const ROUNDS_MAX = 10_000;

/** @throws Error with a line for the reader. */
export function parseOptions(argv: readonly string[], results: string): Options {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      quick: { type: 'boolean', default: false },
      rounds: { type: 'string' },
      only: { type: 'string' },
      out: { type: 'string' },
    },
  });
  const amounts = values.quick ? QUICK : FULL;
  const rounds = values.rounds === undefined ? amounts.rounds : Number(values.rounds);
  if (!Number.isInteger(rounds) || rounds < 1 || rounds > ROUNDS_MAX)
    throw new Error(`--rounds must be a whole number from 1 to ${ROUNDS_MAX}`);
  const out = values.out ?? (values.quick || values.only !== undefined ? null : results);
  return { ...amounts, rounds, parts: partsOf(values.only), out, quick: values.quick };
}

function partsOf(only: string | undefined): readonly Part[] {
  if (only === undefined) return PARTS;
  return only.split(',').map((name) => {
    const part = PARTS.find((known) => known === name);
    if (part === undefined) throw new Error(`--only knows ${PARTS.join(', ')}, not ${name}`);
    return part;
  });
}
