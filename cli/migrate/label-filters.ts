/**
 * PURE. Synapse's `label_filters` as a `where`. All of them must hold, so several of one label are one rule here. They say who may be used at all: what cannot
 * be said as strictly is no `where`, and the service is left.
 */
import { isMap, type OldMap } from './old-map.ts';

export type LabelRule = string | { readonly not: readonly string[] } | { readonly exists: boolean };

export interface Filters {
  readonly where: Readonly<Record<string, LabelRule>>;
  /** By option, what it became. */
  readonly said: readonly (readonly [option: string, label: string])[];
}

/** What is asked of one label. `null` as a value is a label that is missing. */
interface Asked {
  readonly equals: Set<string | null>;
  readonly not: Set<string | null>;
}

/** A text: why no `where` says the same. */
export function whereOf(discovery: OldMap): Filters | string {
  const singular = discovery.take('label_filter');
  const plural = discovery.take('label_filters');
  const filters = [...(singular === undefined ? [] : [singular]), ...(Array.isArray(plural) ? plural : [])];
  const asked = new Map<string, Asked>();
  const said: [string, string][] = [];
  for (const [index, filter] of filters.entries()) {
    const { label, value, condition } = isMap(filter) ? filter : {};
    const text = labelText(value);
    if (typeof label !== 'string' || text === undefined || (condition !== 'equals' && condition !== 'not-equals'))
      return `its filter ${JSON.stringify(filter)} lets nobody through in Synapse`;
    if (text === '')
      return `its filter asks for an empty ${label}, which no \`where\` can: \`{ exists: true }\` lets other values through as well`;
    const rules = asked.get(label) ?? { equals: new Set(), not: new Set() };
    rules[condition === 'equals' ? 'equals' : 'not'].add(text);
    asked.set(label, rules);
    said.push([`${discovery.at('label_filters')}.${index} "${label} ${condition} ${String(text)}"`, label]);
  }
  const where: [string, LabelRule][] = [];
  for (const [label, rules] of asked) {
    const rule = ruleOf(rules);
    if (rule === null) return `no rule of \`where\` says what its filters ask of the label ${label}`;
    where.push([label, rule]);
  }
  return { where: Object.fromEntries(where), said };
}

/** null: there is no such rule, or nobody could fulfil it. */
function ruleOf({ equals, not }: Asked): LabelRule | null {
  if (equals.size > 1 || [...equals].some((value) => not.has(value))) return null;
  const [one] = equals;
  if (one !== undefined) return one === null ? { exists: false } : one;
  if (!not.has(null)) return { not: [...not].filter((value) => value !== null).sort() };
  return not.size === 1 ? { exists: true } : null;
}

/** As the registration's labels are read here: numbers and booleans are texts. undefined: nothing that a label can be. */
function labelText(value: unknown): string | null | undefined {
  if (value === null || value === undefined) return null;
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? String(value) : undefined;
}
