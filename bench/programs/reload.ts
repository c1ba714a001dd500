/**
 * Yardstick: the article's way. It watches the children of a path, rewrites the whole haproxy.cfg and starts HAProxy anew with -sf (and -x, so that
 * the listening sockets are handed over). What changes during a reload is in the next one.
 */
import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { promisify } from 'node:util';
import zookeeper from 'node-zookeeper-client';
import { onEnd, say, settingsOf } from './program-end.ts';

interface Settings {
  readonly zookeeper: string;
  readonly path: string;
  readonly haproxy: string;
  /** haproxy.cfg, written by this program; the pid file and the socket lie beside it. */
  readonly config: string;
  readonly pidFile: string;
  readonly socket: string;
  /** Everything but the `server` lines, which come at the end. */
  readonly head: string;
  /** The words after the address; `{id}` stands for the server's number. */
  readonly words: string;
}

const settings = settingsOf<Settings>();
const client = zookeeper.createClient(settings.zookeeper, { sessionTimeout: 10_000 });
const run = promisify(execFile);
let children: string[] = [];
let wanted = 0;
let done = 0;
let running = false;

function watch(): void {
  client.getChildren(settings.path, watch, (error, now) => {
    if (error) throw error;
    children = now.sort();
    wanted += 1;
    if (!running) void reload();
  });
}

async function reload(): Promise<void> {
  running = true;
  while (done < wanted) {
    done = wanted;
    const servers = children.map((child, at) => `    server ${child} ${child} ${settings.words.replace('{id}', String(at + 1))}\n`);
    writeFileSync(settings.config, settings.head + servers.join(''));
    const old = pids();
    const handOver = old.length === 0 ? [] : ['-x', settings.socket, '-sf', ...old];
    await run(settings.haproxy, ['-D', '-f', settings.config, '-p', settings.pidFile, ...handOver]);
  }
  running = false;
}

function pids(): string[] {
  try {
    return readFileSync(settings.pidFile, 'utf8')
      .split(/\s+/)
      .filter((pid) => pid !== '');
  } catch {
    return [];
  }
}

client.once('connected', () => {
  watch();
  say({ type: 'ready' });
});
client.connect();
onEnd(() => {
  client.close();
  for (const pid of pids()) {
    try {
      process.kill(Number(pid), 'SIGTERM');
    } catch {
      // It has ended by itself.
    }
  }
});
