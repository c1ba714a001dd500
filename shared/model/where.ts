/**
 * PURE. Which instances of a service may be used, by their labels: what must be so of each label that is named. It is never relaxed, however few are left
 * (data residency): whoever does not fulfil it is refused.
 */

/** What must be so of one label; one of these. */
export type LabelRule =
  /** It has one of these values. */
  | { readonly in: readonly string[] }
  /** It has none of these values, or is missing. */
  | { readonly not: readonly string[] }
  | { readonly exists: boolean };

/** By label. */
export type Where = Readonly<Record<string, LabelRule>>;

/** Why it may not be used, raw; null: it may. */
export function whyNotWhere(where: Where, labels: Readonly<Record<string, string>>): string | null {
  for (const label of Object.keys(where).sort()) {
    const rule = where[label];
    const value = Object.hasOwn(labels, label) ? (labels[label] ?? null) : null;
    if (rule === undefined || fulfils(rule, value)) continue;
    return `${label} is ${value === null ? 'missing' : value}, and must ${ruleText(rule)}`;
  }
  return null;
}

/** `value` null: the label is missing. */
function fulfils(rule: LabelRule, value: string | null): boolean {
  if ('in' in rule) return value !== null && rule.in.includes(value);
  if ('not' in rule) return value === null || !rule.not.includes(value);
  return (value !== null) === rule.exists;
}

function ruleText(rule: LabelRule): string {
  if ('exists' in rule) return rule.exists ? 'be there' : 'not be there';
  const values = 'in' in rule ? rule.in : rule.not;
  return `${'in' in rule ? 'be' : 'not be'} ${values.length === 1 ? '' : 'one of '}${values.join(', ')}`;
}
