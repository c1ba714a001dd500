/** What `pointsman plan` says at the head of a proxy. */
import { expect, it } from 'vitest';
import { printPlans } from '../../cli/plan/print-plan.ts';
import type { ProxyPlan } from '../../cli/plan/proxy-plan.ts';

it('counts a service that waits for a reload and is refused once', () => {
  const nothing = { commands: [], waiting: [], overrides: [], reload: null, blocked: null };
  const plan: ProxyPlan = {
    proxy: 'edge',
    reached: true,
    version: '2.6.12',
    worker: 7,
    settled: 3,
    services: [
      { ...nothing, service: 'api', reload: 'not loaded' },
      { ...nothing, service: 'web', reload: 'not loaded', blocked: 'unknown keyword' },
    ],
  };
  const [head] = printPlans([plan], { colour: false, now: 0 }).split('\n');
  expect(head).toBe('edge (HAProxy 2.6.12, pid 7): 1 service to reload for, 1 blocked service, 3 services in sync');
});
