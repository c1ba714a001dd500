/** `pointsman run` as a process of its own, as an operator runs it. */
import { fileURLToPath } from 'node:url';
import { type StartedProcess, startProcess } from './process.ts';

const MAIN = fileURLToPath(new URL('../../cli/main.ts', import.meta.url));

export function startPointsman(configFile: string, options: { roles?: readonly string[]; logFile: string }): Promise<StartedProcess> {
  const roles = options.roles === undefined ? [] : ['--roles', options.roles.join(',')];
  return startProcess(process.execPath, [MAIN, 'run', '--config', configFile, ...roles], { logFile: options.logFile });
}
