/**
 * PURE. Takes out of a draft whatever `pointsman check` would refuse, until nothing is left of it. What says who may be used (`where`) or where
 * instances are is never just left out: then the whole service is.
 */
import { findings } from '../../shared/config/issues.ts';
import { breaches } from '../../shared/config/rules.ts';
import { configSchema } from '../../shared/config/schema.ts';
import { child, validSections } from '../../shared/config/sections.ts';
import type { Draft, Place } from './draft.ts';
import { oldText } from './old-text.ts';

/** Each round takes at least one value out; a rule that shows up only then takes another round. */
const ROUNDS_MAX = 20;
/** Without these a service would send requests to other instances than before. */
const VITAL = new Set<PropertyKey>(['path', 'where', 'endpoint', 'format', 'mode']);
/** Nor speak another language with them: without TLS what was hidden would be read on the way. */
const VITAL_OF_SERVER = new Set<PropertyKey>(['tls', 'sendProxy']);
/** What a registration can do without: all else says where it is, who may use it, or when it is well. */
const OPTIONAL = new Set<PropertyKey>(['id', 'weight', 'options']);

export function settle(draft: Draft): void {
  for (let round = 0; round < ROUNDS_MAX; round += 1) {
    const refused = refusals(draft);
    if (refused.length === 0) return;
    for (const { place, expected } of refused) takeOut(draft, place, expected);
  }
}

function refusals(draft: Draft): { readonly place: Place; readonly expected: string }[] {
  const config = plainConfig(draft);
  const valueAt = (place: Place): unknown => place.reduce<unknown>(child, config);
  const issues = findings(configSchema.safeParse(config).error?.issues ?? [], valueAt);
  const found = issues.length > 0 ? issues : breaches(config, validSections(config));
  const registered = Object.keys((draft.config['register'] as object | undefined) ?? {});
  return found.map(({ path: [section, index, ...rest], expected }) => ({
    place:
      section === 'register' && typeof index === 'number'
        ? [section, registered[index] ?? '', ...rest]
        : [section, index, ...rest].filter(isKey),
    expected,
  }));
}

/** As the file will have it, but for sections that this pointsman does not know. */
function plainConfig({ config }: Draft): Record<string, unknown> {
  const known = Object.keys(configSchema.shape);
  return Object.fromEntries(
    Object.entries(config)
      .filter(([key]) => known.includes(key))
      .map(([key, value]) => [key, key === 'register' ? Object.values(value as object) : value]),
  );
}

function isKey(key: PropertyKey | undefined): key is PropertyKey {
  return key !== undefined;
}

function takeOut(draft: Draft, place: Place, expected: string): void {
  const [section, name, key, part] = place;
  const ofService = key === undefined || VITAL.has(key) || (key === 'server' && part !== undefined && VITAL_OF_SERVER.has(part));
  const vital = (section === 'services' && ofService) || (section === 'register' && !OPTIONAL.has(key ?? ''));
  if (vital && section !== undefined && name !== undefined) {
    const service = section === 'services' ? String(name) : oldText(draft.get([section, name, 'service']));
    const what = `the whole service${key === undefined ? '' : `, because of its ${String(key)}`}: pointsman takes ${expected} there`;
    if (draft.get([section, name]) === undefined) return;
    draft.abandon([section, name], `services.${service}`, what);
    return;
  }
  if (draft.get(place) === undefined) return;
  // Of a list no entry is taken out: the others would move up.
  const list = place.findIndex((_, index) => Array.isArray(draft.get(place.slice(0, index))));
  draft.remove(list < 0 ? place : place.slice(0, list), `pointsman takes ${expected} there`);
}
