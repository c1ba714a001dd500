/**
 * Yardstick: the least that a script can do. It watches the children of a path with the bare client library and writes to HAProxy's runtime
 * socket, one connection per change; no data is read, nothing is kept, checked or told.
 */
import { connect } from 'node:net';
import zookeeper from 'node-zookeeper-client';
import { onEnd, say, settingsOf } from './program-end.ts';

interface Settings {
  readonly zookeeper: string;
  readonly path: string;
  readonly socket: string;
  readonly backend: string;
  /** The words after the address; `{id}` stands for the server's number. */
  readonly words: string;
  /** Commands that let a server in; `{server}` stands for it. */
  readonly admission: readonly string[];
}

const DELETE_EVERY_MS = 200;
const DELETE_TRIES = 100;

const settings = settingsOf<Settings>();
const client = zookeeper.createClient(settings.zookeeper, { sessionTimeout: 10_000 });
let servers = new Set<string>();
let ids = 0;

function command(...lines: string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(settings.socket, () => socket.write(`${lines.join(';')}\n`));
    let reply = '';
    socket.on('data', (chunk) => {
      reply += chunk.toString();
    });
    socket.on('error', reject);
    socket.on('close', () => resolve(reply));
  });
}

function watch(): void {
  client.getChildren(settings.path, watch, (error, children) => {
    if (error) throw error;
    change(new Set(children));
  });
}

function change(now: Set<string>): void {
  const lines: string[] = [];
  for (const child of now) if (!servers.has(child)) lines.push(...admit(child));
  const gone = [...servers].filter((child) => !now.has(child));
  for (const child of gone) lines.push(`set server ${settings.backend}/${child} state maint`);
  servers = now;
  if (lines.length > 0) void command(...lines).then((reply) => process.stdout.write(`${lines.join('; ')}\n${reply}`));
  for (const child of gone) void remove(child);
}

function admit(child: string): string[] {
  ids += 1;
  const server = `${settings.backend}/${child}`;
  return [
    `add server ${server} ${child} ${settings.words.replace('{id}', String(ids))}`,
    ...settings.admission.map((line) => line.replace('{server}', server)),
  ];
}

/** Idle connections block it for a while. */
async function remove(child: string): Promise<void> {
  for (let tries = 0; tries < DELETE_TRIES && !servers.has(child); tries += 1) {
    await new Promise((resolve) => setTimeout(resolve, DELETE_EVERY_MS));
    const reply = await command(`del server ${settings.backend}/${child}`);
    if (reply.includes('deleted') || reply.includes('No such server')) return;
  }
}

client.once('connected', () => {
  watch();
  say({ type: 'ready' });
});
client.connect();
onEnd(() => client.close());
