/** PURE. What a server that is there lacks to take requests. */

import type { ObservedServer } from '../model/observed.ts';
import type { ServiceConfig } from '../model/service-config.ts';
import type { PlannedCommand } from './backend-plan.ts';

/** null: nothing. */
export function admissionOf(
  { name: backend, check, server }: Pick<ServiceConfig, 'name' | 'check' | 'server'>,
  seen: ObservedServer,
): PlannedCommand | null {
  const at = { backend, server: seen.name };
  const checked = check.type !== 'none';
  const agent = server.agent === undefined ? {} : { agent: true };
  const admit = (reason: string): PlannedCommand => ({ command: { kind: 'admit', ...at, checked, ...agent }, reason });
  switch (seen.admin) {
    case 'maint':
      return admit('it is in maint');
    case 'drain':
      // Left by a recipe that stopped half way: without a verdict of a check it would get requests at once.
      if (checked && !seen.checking) return admit('it is in drain and not checked');
      if (checked && seen.check !== 'passed' && seen.operation !== 'stopped') return admit('it is in drain and not found good');
      if (!checked && seen.operation === 'stopped') return admit('it is in drain and down, without a check');
      return { command: { kind: 'ready', ...at }, reason: 'it is in drain' };
    case 'ready':
      if (checked && !seen.checking) return { command: { kind: 'enable-health', ...at }, reason: 'its check is off' };
      return !checked && seen.operation === 'stopped' ? admit('it is down, without a check') : null;
  }
}
