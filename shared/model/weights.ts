/** PURE. How a service weighs its instances by what they register. */
import { WEIGHT_MAX } from './desired.ts';
import type { Registration } from './registration.ts';

export interface Weights {
  /** Whether registered weights count; if not, each instance has the default. One of 0 takes no requests in any case. */
  readonly registered: boolean;
  /** 1..256: what counts of a registration that says none. */
  readonly default: number;
  /** Weights are multiplied by it; above 0, at most 256. */
  readonly scale: number;
  /** 1..256: an instance gets no more than this. */
  readonly max: number;
}

export const SCALE_MAX = 256;
const AS_REGISTERED: Weights = { registered: true, default: 1, scale: 1, max: WEIGHT_MAX };

/** 0..256. Whoever is to have requests at all gets some. `asked`: among its options, which stand behind its weight in Synapse's line, so that they count. */
export function weightBy(
  weights: Weights | undefined,
  registration: Pick<Registration, 'weight' | 'weighed'>,
  asked: number | undefined,
): number {
  if (registration.weight === 0 || asked === 0) return 0;
  const by = weights ?? AS_REGISTERED;
  if (asked !== undefined) return scaled(by, asked);
  return scaled(by, by.registered && saysWeight(registration) ? registration.weight : by.default);
}

/** What an instance that says nothing has: 1..256. */
export function usualWeight(weights: Weights | undefined): number {
  const by = weights ?? AS_REGISTERED;
  return scaled(by, by.default);
}

function scaled({ scale, max }: Weights, weight: number): number {
  return Math.min(max, Math.max(1, Math.round(weight * scale)));
}

function saysWeight({ weight, weighed }: Pick<Registration, 'weight' | 'weighed'>): boolean {
  return weight !== 1 || weighed === true;
}
