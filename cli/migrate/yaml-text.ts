/** PURE. A draft as the text of a pointsman.yaml: sections in the order of the documentation, with what to fill in said where it stands. */
import { stringify } from 'yaml';
import { serviceSchema } from '../../shared/config/service-schema.ts';
import { isMap } from './old-map.ts';

const SECTIONS: readonly (readonly [key: string, comment: string | null])[] = [
  ['zookeeper', null],
  ['redis', '# To fill in: neither Synapse nor Nerve has one. It must run with maxmemory-policy noeviction.'],
  ['haproxy', null],
  ['proxies', '# A HAProxy beside the old one: docs/migrating.md says how it is started.'],
  ['services', null],
  ['register', null],
];

/** `from`: what was read, for the first line. */
export function yamlText(config: Readonly<Record<string, unknown>>, from: string): string {
  const texts = SECTIONS.flatMap(([key, comment]) => {
    const value = inOrder(key, config[key]);
    if (value === undefined || (isMap(value) && Object.keys(value).length === 0)) return [];
    const text = stringify({ [key]: escaped(value) }, { lineWidth: 0, aliasDuplicateObjects: false });
    return [comment === null ? text : `${comment}\n${text}`];
  });
  return `# ${from}\n# docs/migrating.md walks a host over; docs/configuration.md has every key.\n${texts.join('')}`;
}

/** The keys of each service as docs/configuration.md has them; registrations as the list that they are. */
function inOrder(section: string, value: unknown): unknown {
  if (!isMap(value)) return value;
  if (section === 'register') return Object.values(value);
  if (section !== 'services') return value;
  const keys = Object.keys(serviceSchema.shape);
  const place = (key: string): number => (keys.includes(key) ? keys.indexOf(key) : keys.length);
  return Object.fromEntries(
    Object.entries(value).map(([name, service]) => [
      name,
      isMap(service) ? Object.fromEntries(Object.entries(service).sort(([a], [b]) => place(a) - place(b))) : service,
    ]),
  );
}

/** `${` of the old file is no placeholder. */
function escaped(value: unknown): unknown {
  if (typeof value === 'string') return value.replaceAll('${', () => '$${');
  if (Array.isArray(value)) return value.map(escaped);
  if (!isMap(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, escaped(one)]));
}
