/** PURE. `where` and `prefer` of a service, by labels. `where`: a value, a list of values, or `{ not: … }` or `{ exists: … }`; `prefer`: a value or a list. */
import { z } from 'zod';
import type { Prefer } from '../model/prefer.ts';
import type { LabelRule, Where } from '../model/where.ts';
import * as value from './values.ts';

const LABELS_MAX = 16;
const VALUES_MAX = 256;
const LABEL_EXPECTED = 'a value, a list of values, { not: … } or { exists: true }';

const labelValue = z.string({ error: 'text' }).min(1, { error: 'text' }).max(256, { error: 'at most 256 characters' });
const values = z.union([labelValue, value.list(labelValue, 1, VALUES_MAX)], { error: 'a value, or a list of values' });
const rule = z.union(
  [
    labelValue,
    value.list(labelValue, 1, VALUES_MAX),
    value
      .map({
        not: values.optional().describe('It has none of these values, or is missing.'),
        exists: value.truth().optional().describe('Whether it is there, whatever it says.'),
      })
      .refine(({ not, exists }) => (not === undefined) !== (exists === undefined), { error: LABEL_EXPECTED }),
  ],
  { error: LABEL_EXPECTED },
);
function byLabel<T extends z.ZodType>(item: T) {
  return z
    .record(z.string().regex(/^\S{1,128}$/, { error: 'the name of a label' }), item, { error: 'a map of labels' })
    .refine((map) => Object.keys(map).length <= LABELS_MAX, { error: `at most ${LABELS_MAX} labels` });
}

export const whereSchema = byLabel(rule)
  .optional()
  .describe('Labels that an instance must carry (data residency): whoever does not is never used, not even when nobody else is left.');

export const preferSchema = byLabel(values)
  .optional()
  .describe(
    'Labels of the instances that are near, as `{ zone: [oslo-1, oslo-2] }`: the others stand by until none of those is up (or `farWeight`).',
  );

/** As the program has it: sorted, one form of each. */
export function whereOf(section: NonNullable<z.output<typeof whereSchema>>): Where {
  return Object.fromEntries(
    Object.entries(section)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([label, said]) => [label, ruleOf(said)]),
  );
}

function ruleOf(said: z.output<typeof rule>): LabelRule {
  if (typeof said === 'string' || Array.isArray(said)) return { in: listOf(said) };
  return said.not === undefined ? { exists: said.exists ?? true } : { not: listOf(said.not) };
}

function listOf(said: string | readonly string[]): string[] {
  return typeof said === 'string' ? [said] : [...new Set(said)].sort();
}

export function preferOf(section: NonNullable<z.output<typeof preferSchema>>): Prefer {
  return Object.fromEntries(
    Object.entries(section)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([label, said]) => [label, listOf(said)]),
  );
}
