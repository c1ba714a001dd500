/** Plans of the backend `web` as tests ask for them: what is not said is empty, and HAProxy is 2.6. */
import type { BackendPlan } from '../../shared/plan/backend-plan.ts';
import { type BackendInput, planBackend } from '../../shared/plan/plan-backend.ts';
import { desiredBackend, HAPROXY_2_6, observedBackend } from './samples.ts';

export function plan(input: Partial<BackendInput>): BackendPlan {
  return planBackend({
    backend: 'web',
    desired: desiredBackend([]),
    structure: 's1',
    observed: observedBackend([]),
    sessions: new Map(),
    capabilities: HAPROXY_2_6,
    runtimeOnly: false,
    ...input,
  });
}

/** The plan as `kind server` lines. */
export function commands(input: Partial<BackendInput>): string[] {
  return plan(input).commands.map(({ command }) => `${command.kind} ${command.server}`);
}
