/**
 * PURE. An instance's place among those of its service, by its labels, what it asks for and the config: whether it stands by, its weight in full, its connections.
 * What a config says nothing of is left out, so that a log of before there was such an option folds to the same bytes.
 */
import { grantedOf } from '../shared/model/asked-options.ts';
import { WEIGHT_MAX } from '../shared/model/desired.ts';
import { isFar } from '../shared/model/prefer.ts';
import type { Registration } from '../shared/model/registration.ts';
import type { ServiceConfig } from '../shared/model/service-config.ts';
import { usualWeight, weightBy } from '../shared/model/weights.ts';
import type { InstanceContext } from './instance-context.ts';
import { scaleOf } from './warm-up.ts';

export type Place = Pick<InstanceContext, 'far' | 'backup' | 'weight' | 'maxConn'>;

/** The least weight of a near instance where far ones have a share of it: with less, shares could not be told apart. */
const SHARED_MIN = 10;

export function placeOf(config: ServiceConfig | null, registration: Registration): Place {
  if (config === null) return {};
  const { prefer, farWeight, weights } = config;
  const { maxConn, options } = config.server;
  const granted = grantedOf(options, registration.options);
  const far = isFar(prefer, registration.labels);
  const asked = granted.disabled === true ? 0 : granted.weight;
  const isUsual = weights === undefined && farWeight === undefined && asked === undefined;
  const isLess = granted.maxconn !== undefined && granted.maxconn < (maxConn ?? Number.POSITIVE_INFINITY);
  return {
    ...(far && farWeight === undefined ? { far: true } : {}),
    ...(granted.backup === true ? { backup: true } : {}),
    ...(isUsual ? {} : { weight: fullWeight(config, registration, { asked, share: far ? farWeight : undefined }) }),
    ...(isLess ? { maxConn: granted.maxconn } : {}),
  };
}

export function samePlace(a: Place, b: Place): boolean {
  return a.far === b.far && a.backup === b.backup && a.weight === b.weight && a.maxConn === b.maxConn;
}

/** `share`: of the weight that it would have near; undefined: it is. 0 stays 0. */
function fullWeight(
  config: ServiceConfig,
  registration: Registration,
  { asked, share }: { readonly asked: number | undefined; readonly share: number | undefined },
): number {
  const near = Math.min(WEIGHT_MAX, weightBy(config.weights, registration, asked) * roomOf(config));
  return share === undefined || near === 0 ? near : Math.max(1, Math.round(near * share));
}

/** What weights are multiplied by so that a warm-up has steps to take, and a share of them can be said: weights are whole numbers. */
function roomOf(config: ServiceConfig): number {
  const { farWeight, weights } = config;
  if (farWeight === undefined) return scaleOf(config);
  return Math.max(scaleOf(config), Math.ceil(Math.max(SHARED_MIN, 1 / farWeight) / usualWeight(weights)));
}
