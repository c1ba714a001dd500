/** PURE. What zod found, in our words: one finding per key, with the nearest known key for an unknown one. */
import type { z } from 'zod';
import { knownKeys } from './known-keys.ts';
import { isSecret } from './mask.ts';
import { nearest } from './nearest.ts';
import type { KeyPath } from './yaml-source.ts';

export interface Finding {
  readonly path: KeyPath;
  /** Which is wrong: a key that nobody knows, a name of the operator's choice, or what stands there. */
  readonly about: 'unknown-key' | 'name' | 'value';
  readonly expected: string;
  readonly suggestion: string | null;
}

type Issue = z.core.$ZodIssue;
type Look = (path: KeyPath) => unknown;

/** `valueAt` is what the file has at a path. */
export function findings(issues: readonly Issue[], valueAt: Look): Finding[] {
  return issues.flatMap((issue) => ofIssue(issue, [], valueAt));
}

function ofIssue(issue: Issue, above: KeyPath, valueAt: Look): Finding[] {
  const path = [...above, ...issue.path];
  if (issue.code === 'unrecognized_keys') {
    const known = knownKeys(path);
    return issue.keys.map((key) => ({
      path: [...path, key],
      about: 'unknown-key',
      expected: `one of ${known.join(', ')}`,
      suggestion: nearest(key, known),
    }));
  }
  if (issue.code === 'invalid_key') return [{ path, about: 'name', expected: issue.issues[0]?.message ?? issue.message, suggestion: null }];
  const value = valueAt(path);
  if (issue.code === 'invalid_union' && typeof value === 'object' && value !== null) {
    const ofMap = issue.errors.find((errors) => errors.every((one) => one.path.length > 0 || one.code === 'unrecognized_keys'));
    if (ofMap !== undefined) return ofMap.flatMap((one) => ofIssue(one, path, valueAt));
  }
  return [
    {
      path,
      about: 'value',
      expected: issue.message,
      suggestion: typeof value === 'string' && !isSecret(path) ? (withoutColon(path, value) ?? nearestWord(issue, value)) : null,
    },
  ];
}

/** `connect "…"`: YAML reads a key whose colon was left out, and its value, as one text. */
function withoutColon(path: KeyPath, value: string): string | null {
  const [word = ''] = value.split(/[\s"']/, 1);
  return word !== value && knownKeys(path).includes(word) ? `${word}: …` : null;
}

function nearestWord(issue: Issue, value: string): string | null {
  const alternatives = issue.code === 'invalid_union' ? issue.errors.flat() : [issue];
  const words = alternatives.flatMap((one) => (one.code === 'invalid_value' ? one.values : [])).filter((one) => typeof one === 'string');
  return nearest(value, words);
}
