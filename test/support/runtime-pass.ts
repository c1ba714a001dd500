/** One look at a backend, plan and application, as the reconcile worker does it, against a real HAProxy. */
import { type Applied, applyCommands } from '../../shared/haproxy/apply.ts';
import { observeBackend, observeProxy, observeSessions } from '../../shared/haproxy/observe.ts';
import { withRuntime } from '../../shared/haproxy/runtime.ts';
import type { DesiredBackend } from '../../shared/model/desired.ts';
import type { ObservedServer } from '../../shared/model/observed.ts';
import { type BackendPlan, isEmpty } from '../../shared/plan/backend-plan.ts';
import type { Command } from '../../shared/plan/command.ts';
import { planBackend } from '../../shared/plan/plan-backend.ts';
import { foldSessions, type ServerSessions } from '../../shared/plan/sessions.ts';
import type { TestHaproxy } from './haproxy.ts';
import { until } from './poll.ts';

export class RuntimePasses {
  readonly #haproxy: TestHaproxy;
  readonly #structure: string | null;
  #sessions: ReadonlyMap<string, ServerSessions> = new Map();
  #counted = 0;

  /** `structure` null: runtimeOnly. */
  constructor(haproxy: TestHaproxy, structure: string | null = null) {
    this.#haproxy = haproxy;
    this.#structure = structure;
  }

  async plan(desired: DesiredBackend): Promise<BackendPlan> {
    return withRuntime(this.#haproxy.runtime, async (connection) => {
      const { capabilities } = await observeProxy(connection);
      const observed = await observeBackend(connection, desired.service);
      const counts = (await observeSessions(connection, desired.service)) ?? new Map<string, number>();
      const now = performance.now();
      this.#sessions = foldSessions(this.#sessions, counts, now - this.#counted);
      this.#counted = now;
      const [structure, sessions, runtimeOnly] = [this.#structure, this.#sessions, this.#structure === null];
      return planBackend({ backend: desired.service, desired, structure, observed, sessions, capabilities, runtimeOnly });
    });
  }

  async pass(desired: DesiredBackend): Promise<{ plan: BackendPlan; applied: Applied }> {
    const plan = await this.plan(desired);
    return { plan, applied: await this.apply(plan.commands.map(({ command }) => command)) };
  }

  async apply(commands: readonly Command[]): Promise<Applied> {
    return withRuntime(this.#haproxy.runtime, async (connection) => {
      const { identity: expected, capabilities } = await observeProxy(connection);
      const planned = commands.map((command) => ({ command, reason: 'test' }));
      return applyCommands(connection, planned, { expected, capabilities, stillClaimed: () => true });
    });
  }

  /** Passes until nothing is left to plan. */
  async converge(desired: DesiredBackend, timeoutMs = 10_000): Promise<void> {
    await until('the plan to be empty', async () => isEmpty((await this.pass(desired)).plan), { timeoutMs, everyMs: 60 });
  }
}

export async function servers(haproxy: TestHaproxy, backend = 'web'): Promise<ReadonlyMap<string, ObservedServer>> {
  const observed = await withRuntime(haproxy.runtime, (connection) => observeBackend(connection, backend));
  return observed?.servers ?? new Map();
}
