/**
 * Whether a HAProxy is one that pointsman can work with: it answers at level admin, is recent enough and was started with our folder; it can be reloaded, and
 * would load its files again. Nothing is changed: the level is asked for with a command for a server that there is not.
 */
import { access, constants } from 'node:fs/promises';
import { dirname } from 'node:path';
import { PointsmanError } from '../../shared/errors.ts';
import { checkConfig } from '../../shared/haproxy/config-check.ts';
import type { RuntimeConnection } from '../../shared/haproxy/connection.ts';
import { addressText } from '../../shared/haproxy/dial.ts';
import { whyNotManaged } from '../../shared/haproxy/installation.ts';
import { masterProcesses } from '../../shared/haproxy/master.ts';
import { parseInfo, parseVariable } from '../../shared/haproxy/parse-process.ts';
import { errorReply } from '../../shared/haproxy/parse-table.ts';
import { READ, withoutNotices } from '../../shared/haproxy/protocol.ts';
import { runningOf } from '../../shared/haproxy/reload-command.ts';
import { withRuntime } from '../../shared/haproxy/runtime.ts';
import type { ProxyConfig } from '../../shared/model/proxy-config.ts';
import type { ServiceConfig } from '../../shared/model/service-config.ts';
import { candidateFiles } from './candidate-files.ts';
import { exposure } from './exposure.ts';
import { type Finding, failed, failure, note, ok } from './finding.ts';
import { isOlder } from './version.ts';

const VERSION_LEAST = [2, 6] as const;
/** No service's name has a colon. */
const PROBE = 'enable health pointsman:check/none';
const CHECK_DEADLINE_MS = 10_000;

export async function liveProxy(config: ProxyConfig, services: readonly ServiceConfig[], prefix: string): Promise<Finding[]> {
  const of = `proxy ${config.id}`;
  const worker = await answering(of, config, prefix);
  const exposed = worker.pid === null ? [] : await exposure(of, config.runtime);
  const rest = config.runtimeOnly ? [] : [...(await reloads(of, config, worker.pid)), ...(await files(of, config, services, prefix))];
  return [...worker.findings, ...exposed, ...rest];
}

async function answering(of: string, config: ProxyConfig, prefix: string): Promise<{ pid: number | null; findings: Finding[] }> {
  try {
    return await withRuntime(config.runtime, (connection) => lookedAt(of, config, prefix, connection));
  } catch (error) {
    if (config.start && error instanceof PointsmanError && error.code === 'HAPROXY_UNREACHABLE')
      return { pid: null, findings: [note(of, 'HAProxy does not run; `pointsman run` starts it (start: true)')] };
    return { pid: null, findings: [failure(of, error)] };
  }
}

async function lookedAt(of: string, { runtime, runtimeOnly, managed }: ProxyConfig, prefix: string, connection: RuntimeConnection) {
  const replies = (await connection.send([READ.info, PROBE, READ.stamp])).map(withoutNotices);
  const [info = '', probe = '', stamp = ''] = replies;
  const { version, pid, stopping } = parseInfo(info);
  const findings: Finding[] = [];
  if (isOlder(version, VERSION_LEAST))
    findings.push(failed(of, `HAProxy ${version} is too old`, `it must be ${VERSION_LEAST.join('.')} or later`));
  if (stopping) findings.push(failed(of, `the worker that answers (pid ${pid}) is stopping`, 'HAProxy is being reloaded; try again'));
  if (/^Permission denied/.test(errorReply(probe) ?? '')) {
    findings.push(failed(of, `${addressText(runtime)} may only read`, 'say `level admin` on its `stats socket` line, and reload HAProxy'));
    return { pid, findings };
  }
  const why = runtimeOnly ? null : whyNotManaged(parseVariable(stamp), managed, prefix);
  if (why !== null) findings.push(failed(of, why, null));
  const started = runtimeOnly ? '' : `, started with ${managed}`;
  if (findings.length === 0) findings.push(ok(of, `HAProxy ${version} at ${addressText(runtime)}, pid ${pid}, level admin${started}`));
  return { pid, findings };
}

async function reloads(of: string, { reload, binary }: ProxyConfig, worker: number | null): Promise<Finding[]> {
  try {
    if (reload?.kind === 'pidFile') {
      const running = await runningOf(reload.path, binary);
      if (running.length > 0) return [ok(of, `reloads by ${reload.path}, pid ${running.join(' ')}`)];
      return [failed(of, `${reload.path} names no HAProxy that runs`, 'start HAProxy with -p and this path')];
    }
    if (reload?.kind !== 'master') return [];
    const { pid, workers } = await masterProcesses(reload.socket);
    if (worker === null || workers.includes(worker)) return [ok(of, `reloads by its master, pid ${pid}`)];
    const own = `${addressText(reload.socket)} is the master of pid ${workers.join(' ')}, and pid ${worker} answers`;
    return [failed(of, own, 'master and runtime must be of one HAProxy')];
  } catch (error) {
    return [failure(of, error)];
  }
}

async function files(of: string, proxy: ProxyConfig, services: readonly ServiceConfig[], prefix: string): Promise<readonly Finding[]> {
  const { binary, base, managed } = proxy;
  if (managed === null) return [];
  const isThere = await may(managed, constants.F_OK);
  const folder = isThere ? managed : dirname(managed);
  if (!(await may(folder, constants.W_OK | constants.X_OK)))
    return [failed(of, `${folder} cannot be written`, `pointsman keeps its files in ${managed}: give its user the folder`)];
  if (!isThere) return [note(of, `${managed} is not there yet; \`pointsman run\` makes it`)];
  try {
    const fault = await checkConfig(binary, [...(base === null ? [] : [base]), managed], CHECK_DEADLINE_MS);
    if (fault === null || fault.noListener) return await candidateFiles(of, proxy, services, prefix);
    return [failed(of, `HAProxy would not load its files: ${fault.message}`, 'until that is mended there is no reload')];
  } catch (error) {
    return [failure(of, error)];
  }
}

function may(path: string, mode: number): Promise<boolean> {
  return access(path, mode).then(
    () => true,
    () => false,
  );
}
