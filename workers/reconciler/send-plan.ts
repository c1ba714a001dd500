/** Sends what was planned for one service, and writes down what was sent and answered. */
import { PointsmanError } from '../../shared/errors.ts';
import { applyCommands, type CommandResult } from '../../shared/haproxy/apply.ts';
import { commandText } from '../../shared/plan/command-text.ts';
import type { Look } from './judgement.ts';
import type { Of } from './made-section.ts';
import type { PassContext } from './service-pass.ts';
import { withdrawVerdicts } from './withdrawal.ts';

/** Commands of one look that are kept in the proxy's stream; the rest is counted. */
const RECORDED_MAX = 200;

/**
 * What is sent leaves for the proxy's stream in the same turn, right behind it, and neither waits for the other's answer: the record is on its way even if this
 * process dies with the commands unanswered, and what is to be done is derived again from the desired state, which is persisted.
 */
export async function sendPlan(
  context: PassContext,
  of: Of,
  { plan, looked }: Pick<Look, 'plan' | 'looked'>,
): Promise<readonly CommandResult[]> {
  const { service } = of;
  const { agent, journal, connection, proxy } = context;
  const applying = applyCommands(connection, plan.commands, {
    capabilities: proxy.capabilities,
    expected: proxy.identity,
    ...(context.provenAt === undefined ? {} : { provenAt: context.provenAt }),
    stillClaimed: context.stillClaimed,
    signal: context.signal,
  });
  const announced = plan.commands.slice(0, RECORDED_MAX).map(({ command, reason }) => ({ command: commandText(command), reason }));
  // The revision may come to nothing yet: what is desired since the one before is not taken for done.
  const left = looked === null ? {} : { looked: { ...looked, revision: looked.revision - 1 } };
  const recorded = journal.write([{ type: 'patching', ...of, commands: announced, ...left }], Date.now());
  recorded.catch(() => undefined);
  const { results, failed } = await applying;
  await recorded;
  const told = results.slice(0, RECORDED_MAX).map(({ command, reason, outcome, reply, ms }) => ({
    command: commandText(command),
    reason,
    outcome,
    reply,
    ms: Math.round(ms * 1000) / 1000,
  }));
  await journal.write([{ type: 'commands', service, results: told }], Date.now());
  await withdrawVerdicts(agent, service, results);
  for (const { command, outcome, reply } of results) {
    if (outcome === 'refused')
      agent.ports.logger.warn({ proxy: agent.config.id, command: commandText(command), reply }, 'haproxy refused a command');
  }
  if (failed instanceof PointsmanError && failed.code !== 'HAPROXY_REPLY_UNEXPECTED') throw failed;
  if (failed !== null)
    agent.ports.logger.warn({ proxy: agent.config.id, service, error: failed.message }, 'haproxy gave an unexpected reply');
  return results;
}
