/** `pointsman exec` as a service manager runs it, around a small HTTP service in a process of its own. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { MAIN } from './command.ts';
import { type TempFolder, tempFolder } from './folder.ts';
import { until } from './poll.ts';
import { type StartedProcess, startProcess } from './process.ts';

/** A service that answers after a while, and ends at once, with its answers, when it is told to: only a drain before that saves its requests. */
const SERVICE = `
const { createServer } = require('node:http');
const { appendFileSync } = require('node:fs');
const [port, notes, delay] = process.argv.slice(2);
createServer((request, response) => {
  const finish = () => response.writeHead(200, { 'x-port': port }).end();
  if (request.url === '/health') finish(); else setTimeout(finish, Number(delay));
}).listen(Number(port), '127.0.0.1');
for (const signal of ['SIGTERM', 'SIGUSR1', 'SIGHUP', 'SIGINT']) process.on(signal, () => {
  appendFileSync(notes, signal + ' ' + Date.now() + '\\n');
  if (signal === 'SIGTERM') process.exit(7);
  if (signal === 'SIGINT') process.kill(process.pid, 'SIGKILL');
});
appendFileSync(notes, 'pid ' + process.pid + '\\n');
`;

export interface ExecOptions {
  /** Zookeeper's connect string. */
  readonly connect: string;
  /** The text below `register:`, indented by two. */
  readonly register: string;
  readonly port: number;
  /** ms before an answer, but for `/health`. */
  readonly delayMs?: number;
  /** Of `exec`, before the program. */
  readonly options?: readonly string[];
  /** Its input and output are a terminal's: then `process` is that of the terminal. */
  readonly terminal?: boolean;
  /** A module that it loads before its own. */
  readonly preload?: string;
}

export class ExecProcess {
  readonly process: StartedProcess;
  readonly configFile: string;
  readonly #folder: TempFolder;

  private constructor(process: StartedProcess, configFile: string, folder: TempFolder) {
    this.process = process;
    this.configFile = configFile;
    this.#folder = folder;
  }

  static async start({ connect, register, port, delayMs = 0, options = [], terminal = false, preload }: ExecOptions): Promise<ExecProcess> {
    const folder = await tempFolder();
    const [config, program] = [join(folder.path, 'pointsman.yaml'), join(folder.path, 'service.cjs')];
    const text = `zookeeper: { connect: "${connect}" }\nredis: { url: "redis://127.0.0.1:1/0" }\nregistrar: { state: ${folder.path}/state }\nregister:\n${register}\n`;
    await Promise.all([writeFile(config, text), writeFile(program, SERVICE)]);
    const words = [process.execPath, program, String(port), join(folder.path, 'notes'), String(delayMs)];
    const argv = [MAIN, 'exec', '--config', config, ...options, '--', ...words];
    const [command, ...more] = terminal
      ? ['script', '-qec', [process.execPath, ...argv].join(' '), '/dev/null']
      : [process.execPath, ...argv];
    const env = preload === undefined ? {} : { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(preload)}` };
    const begun = await startProcess(command, more, { logFile: join(folder.path, 'exec.log'), env });
    return new ExecProcess(begun, config, folder);
  }

  log(): Promise<string> {
    return readFile(join(this.#folder.path, 'exec.log'), 'utf8');
  }

  /** What the service noted: its pid, and signals with the time that they came. */
  async notes(): Promise<readonly (readonly [what: string, value: number])[]> {
    const text = await readFile(join(this.#folder.path, 'notes'), 'utf8').catch(() => '');
    return text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => [line.split(' ')[0] ?? '', Number(line.split(' ')[1])] as const);
  }

  /** Of the service, as soon as it runs. */
  async pid(): Promise<number> {
    return until('the service to run', async () => (await this.notes()).find(([what]) => what === 'pid')?.[1]);
  }

  async stop(): Promise<void> {
    await this.process.stop();
    await this.#folder.remove();
  }
}
