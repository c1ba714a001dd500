/** How a backend stands after a look at it: for the record of the pass, and for a dry run, which must say the same. Changes nothing on the proxy. */
import type { CommandResult } from '../../shared/haproxy/apply.ts';
import type { ObservedProxy } from '../../shared/haproxy/observe.ts';
import { shown } from '../../shared/haproxy/protocol.ts';
import { structureOf } from '../../shared/haproxy/render-service.ts';
import type { ProxyEvent } from '../../shared/model/proxy-event.ts';
import type { ServiceConfig } from '../../shared/model/service-config.ts';
import { type BackendPlan, isEmpty } from '../../shared/plan/backend-plan.ts';
import type { Command } from '../../shared/plan/command.ts';
import { commandText } from '../../shared/plan/command-text.ts';
import { needsFile } from './adopted.ts';
import type { ProxyAgent } from './proxy-agent.ts';
import { rejectionOf, stampRejection } from './reload-request.ts';
import { stoppedService } from './rollout.ts';
import type { ServicePass } from './service-pass.ts';

/** When the reconciler looks at everything anyway. */
export const FULL_PASS_MS = 30_000;

export type Standing = ProxyEvent & { readonly type: 'synced' | 'patching' | 'drifted' | 'reload-wanted' | 'blocked' };

interface Of {
  /** What is desired; null: the service is not ours any more. */
  readonly config: ServiceConfig | null;
  /** The managed defaults are others than those that the worker was started with. */
  readonly restamped: boolean;
  /** Nothing is written down of it. */
  readonly dry?: true;
}

/** null: the proxy has nothing of it. */
export async function standing(
  { agent, proxy }: { readonly agent: ProxyAgent; readonly proxy: ObservedProxy },
  pass: Pick<ServicePass, 'service' | 'revision' | 'cursor' | 'plan' | 'commands' | 'refused'>,
  { config, restamped, dry }: Of,
): Promise<Standing | null> {
  const { service, revision, cursor, plan } = pass;
  if (plan.blocked !== null) return { type: 'blocked', service, detail: plan.blocked, nextTry: null };
  const reason = plan.reload?.reason ?? (restamped && config !== null ? 'the managed defaults changed' : null);
  if (reason !== null) {
    const structure = config === null ? null : structureOf(config, agent.config.defaults);
    const own = structure === null ? null : await rejectionOf(agent, service, structure);
    const rejected = own ?? (restamped ? await stampRejection(agent) : null);
    if (rejected !== null && rejected.nextTry > Date.now())
      return { type: 'blocked', service, detail: rejected.message, nextTry: rejected.nextTry };
    const stop = structure === null ? null : await stoppedService(agent, service, structure, restamped);
    if (stop !== null) return { type: 'blocked', service, detail: stop.message, nextTry: stop.nextTry };
    return { type: 'reload-wanted', service, detail: reason };
  }
  const hold = plan.anew?.held ?? null;
  if (hold !== null && hold.nextTry !== null) return { type: 'blocked', service, detail: hold.why, nextTry: hold.nextTry };
  const refusal = refusalOf(plan, pass.refused);
  if (refusal !== null) return { type: 'blocked', service, detail: refusal, nextTry: Date.now() + FULL_PASS_MS };
  if (isEmpty(plan)) {
    const why = config === null || !agent.config.runtimeOnly ? null : await needsFile(agent, config, proxy.identity, dry === true);
    if (why !== null) return { type: 'blocked', service, detail: why, nextTry: null };
    return config === null ? null : { type: 'synced', service, revision, cursor };
  }
  if (pass.commands > 0 || plan.waiting.length > 0) return { type: 'patching', service, revision, cursor, commands: [] };
  const detail = plan.commands.map((next) => `${next.command.server}: ${next.reason}`);
  return { type: 'drifted', service, detail: detail.slice(0, 5).join('; ') };
}

/** What HAProxy has just refused and is still to be done: trying it again alone brings nothing. null: nothing. */
function refusalOf(plan: BackendPlan, refused: readonly CommandResult[]): string | null {
  const planned = new Set(plan.commands.map(({ command }) => wordsOf(command)));
  const [first, ...more] = refused.filter(({ command }) => planned.has(wordsOf(command)));
  if (first === undefined) return null;
  const others = more.length === 0 ? '' : ` (and ${more.length} more)`;
  const hint = /permission denied/i.test(first.reply) ? '; the runtime socket needs `level admin`' : '';
  return `HAProxy refused "${commandText(first.command)}"${others}: ${shown(first.reply)}${hint}`;
}

/** The same command for the same server, whatever it sets. */
function wordsOf({ kind, server }: Command): string {
  return `${kind} ${server}`;
}
