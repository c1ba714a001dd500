/** One way to bring a change in Zookeeper to HAProxy, with a HAProxy and a service path of its own. */
import type { CheckConfig } from '../../shared/model/service-config.ts';

export interface Variant {
  readonly name: 'pointsman' | 'bare' | 'reload';
  /** Where its instances register. */
  readonly path: string;
  /** Of its frontend at HAProxy. */
  readonly port: number;
  /** Resolves when nothing of earlier changes is left to do: HAProxy has so many servers. */
  settled(servers: number): Promise<void>;
  stop(): Promise<void>;
}

export interface Recipe {
  readonly name: string;
  readonly check: CheckConfig;
  /** Under `check:` in pointsman.yaml. */
  readonly yaml: string;
}

export const WITHOUT_CHECKS: Recipe = { name: 'none', check: { type: 'none' }, yaml: 'none' };

export const WITH_CHECKS: Recipe = {
  name: 'checked',
  check: { type: 'http', method: 'GET', path: '/health', interval: 2_000, rise: 2, fall: 3 },
  yaml: '{ http: GET /health, interval: 2s, rise: 2, fall: 3 }',
};
