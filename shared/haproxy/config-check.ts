/**
 * `haproxy -c`: whether HAProxy would accept these files. Says nothing of the addresses that they bind (bind-probe.ts does). Warnings are fine.
 * Exit codes (tried on 2.6 and 3.4): 0 valid, 1 refused, 2 valid but without any listener, which would not start.
 */
import { execFile } from 'node:child_process';
import { basename, dirname } from 'node:path';
import { PointsmanError } from '../errors.ts';

/** 10,000 servers took 0.8 s; a machine that starts up is slower. */
const CHECK_DEADLINE_MS = 30_000;
const OUTPUT_BYTES_MAX = 1024 * 1024;
const MESSAGE_CHARACTERS_MAX = 2_000;

export interface ConfigFault {
  /** HAProxy's own words, one line an alert, with the paths as they were given. */
  readonly message: string;
  /** The files that the alerts name, in order, without repeats. */
  readonly files: readonly string[];
  /** No error, but nothing to listen on: neither a service, nor a runtime socket. */
  readonly noListener: boolean;
}

/** HAProxy's exit code for it. */
const NO_LISTENER = 2;

/** null: HAProxy accepts them. Throws TOOL_MISSING, and HAPROXY_TIMEOUT when it does not end. */
export async function checkConfig(binary: string, paths: readonly string[], deadlineMs = CHECK_DEADLINE_MS): Promise<ConfigFault | null> {
  const argv = ['-c', ...paths.flatMap((path) => ['-f', path])];
  const { code, output } = await run(binary, argv, deadlineMs);
  if (code === 0) return null;
  return faultIn(output, code);
}

/** PURE. What HAProxy said, of all that it printed. */
export function faultIn(output: string, code: number): ConfigFault {
  const alerts = alertsOf(output);
  const files: string[] = [];
  for (const alert of alerts) {
    const file = /\[([^\][]+\.cfg):\d+\]/.exec(alert)?.[1];
    if (file !== undefined && !files.includes(file)) files.push(file);
  }
  const said =
    alerts.length > 0 ? alerts.map((line) => line.replace(/^.*\[ALERT\]\s*\(\d+\)\s*:\s*/, '').trim()) : [lastLine(output, code)];
  return { message: said.join('\n').slice(0, MESSAGE_CHARACTERS_MAX), files, noListener: code === NO_LISTENER };
}

/** PURE. HAProxy's alerts, without the level and the process in front. */
export function alertsOf(output: string): string[] {
  const alerts = output.split('\n').filter((line) => line.includes('[ALERT]'));
  return alerts.map((line) => line.replace(/^.*\[ALERT\]\s*\(\d+\)\s*:\s*/, '').trim());
}

/** Our own secrets and npm's noise stay out of HAProxy, where `show env` would print them; the operator's variables pass, for his base file. */
export function environmentOf(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !/^(?:POINTSMAN_|npm_|NODE_|NOTIFY_SOCKET$)/.test(name)));
}

export function toolMissing(binary: string, cause: unknown): PointsmanError {
  return new PointsmanError('TOOL_MISSING', `cannot run ${binary}: it was not found or may not be run`, {
    hint: 'install HAProxy, or set haproxy.binary to its path',
    retry: 'after',
    cause,
  });
}

function lastLine(output: string, code: number): string {
  const line = output.trim().split('\n').at(-1) ?? '';
  return line === '' ? `haproxy -c ended with code ${code} and said nothing` : line;
}

function run(binary: string, argv: string[], deadlineMs: number): Promise<{ code: number; output: string }> {
  return new Promise((resolve, reject) => {
    const options = { timeout: deadlineMs, killSignal: 'SIGKILL', maxBuffer: OUTPUT_BYTES_MAX, env: environmentOf(process.env) } as const;
    execFile(binary, argv, options, (error, stdout, stderr) => {
      const output = `${stdout}\n${stderr}`;
      if (error === null) return resolve({ code: 0, output });
      if (error.killed === true) return reject(late(binary, deadlineMs, error));
      if (typeof error.code === 'number') return resolve({ code: error.code, output });
      reject(toolMissing(binary, error));
    });
  });
}

function late(binary: string, deadlineMs: number, cause: unknown): PointsmanError {
  return new PointsmanError('HAPROXY_TIMEOUT', `${binary} -c did not end within ${deadlineMs} ms, or printed without end`, {
    hint: 'run it by hand with the same files; an unresolvable name in the base file is the usual reason',
    retry: 'transient',
    cause,
  });
}

/** Whether a file that an alert names lies in this folder. */
export function nameWithin(folder: string, file: string): string | null {
  return dirname(file) === folder ? basename(file) : null;
}
