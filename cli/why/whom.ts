/** Whom the asker means by what was written, and what to say when nobody was ever heard of by that name. */
import type { ServiceSnapshot } from '../../machines/service.ts';
import { editDistance } from '../../shared/config/nearest.ts';
import { PointsmanError } from '../../shared/errors.ts';
import type { ServiceName } from '../../shared/model/ids.ts';
import { meant, pathText } from '../../shared/model/service-path.ts';
import type { View } from '../../shared/redis/service-log.ts';
import { parseAddress } from '../../shared/znode/address.ts';
import type { ViewEntry } from '../../shared/znode/view.ts';
import { znodeInstance } from '../../shared/znode/znode-instance.ts';
import type { Ports } from '../../workers/app.ts';
import { printable } from '../printable.ts';
import type { Asked } from './history.ts';
import { type ServiceFacts, serviceReasons } from './service-reasons.ts';

/** Names told as similar. */
const SIMILAR_MAX = 5;
/** Longer ones are not compared: the time is quadratic. */
const NAME_LENGTH_MAX = 64;

/** An instance as it is written or in its canonical form, or a znode's name. */
export function askedFor(text: string, children: ReadonlyMap<string, ViewEntry>): Asked {
  const parsed = parseAddress(text);
  const names = meant(text, children.keys());
  const named = names.flatMap((name) => children.get(name)?.instance ?? []);
  const instances = [text, ...(parsed.ok ? [parsed.address.instance] : []), ...named, znodeInstance(text)];
  return { znode: text, instances: [...new Set(instances)] };
}

/** USAGE: what was asked for, what is there instead, and whether that is all that could be known. */
export async function neverHeardOf(
  ports: Ports,
  asked: {
    readonly service: ServiceName;
    readonly text: string;
    readonly view: View;
    readonly snapshot: ServiceSnapshot | null;
    readonly facts: Omit<ServiceFacts, 'snapshot'>;
  },
): Promise<PointsmanError> {
  const { service, text, view, snapshot, facts } = asked;
  const known = [...new Set([...view.children.keys(), ...(await ports.store.instances(service, 'all')).keys()])];
  const config = snapshot?.config ?? view.config;
  const where =
    config === null
      ? ''
      : `: ${pathText(config.path)} has ${view.children.size} ${view.children.size === 1 ? 'znode' : 'znodes'}, none of that name`;
  const but = serviceReasons({ ...facts, snapshot })
    .filter(({ code }) => code !== 'held')
    .map((reason) => reason.text);
  const near = similar(text, known);
  return new PointsmanError(
    'USAGE',
    [`${printable(JSON.stringify(text))} was never registered for ${service}${where}`, ...but].join('; '),
    {
      hint:
        near.length > 0
          ? `there are, of similar names: ${near.map(printable).join(', ')}`
          : known.length === 0
            ? 'it has no instances at all'
            : '`pointsman status` lists its instances',
      retry: 'terminal',
    },
  );
}

/** Nearest first: of the same host or port, or a few letters away. */
export function similar(text: string, known: readonly string[]): string[] {
  const [host, port] = partsOf(text);
  const most = Math.max(2, Math.floor(text.length / 4));
  return known
    .filter((name) => name.length <= NAME_LENGTH_MAX && text.length <= NAME_LENGTH_MAX)
    .map((name) => ({
      name,
      distance: editDistance(text, name),
      kin: partsOf(name)[0] === host || (port !== '' && partsOf(name)[1] === port),
    }))
    .filter(({ distance, kin }) => kin || distance <= most)
    .sort((a, b) => a.distance - b.distance || (a.name < b.name ? -1 : 1))
    .slice(0, SIMILAR_MAX)
    .map(({ name }) => name);
}

function partsOf(name: string): [host: string, port: string] {
  const colon = name.lastIndexOf(':');
  return colon < 0 ? [name, ''] : [name.slice(0, colon), name.slice(colon + 1)];
}
