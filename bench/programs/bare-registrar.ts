/** Yardstick: the least that a registering script can do. It asks an HTTP path at an interval, and makes or removes an ephemeral znode with the bare client. */
import { get } from 'node:http';
import zookeeper from 'node-zookeeper-client';
import { onEnd, say, settingsOf } from './program-end.ts';

interface Settings {
  readonly zookeeper: string;
  readonly path: string;
  readonly port: number;
  readonly everyMs: number;
}

const settings = settingsOf<Settings>();
const client = zookeeper.createClient(settings.zookeeper, { sessionTimeout: 10_000 });
const znode = `${settings.path}/127.0.0.1:${settings.port}`;
let registered = false;

function hear(well: boolean): void {
  if (well === registered) return;
  registered = well;
  const done = (error: Error | zookeeper.Exception | null): void => {
    if (error) console.error(String(error));
  };
  if (well) client.create(znode, Buffer.alloc(0), zookeeper.CreateMode.EPHEMERAL, done);
  else client.remove(znode, done);
}

function check(): void {
  const request = get({ host: '127.0.0.1', port: settings.port, path: '/health' }, (response) => {
    response.resume();
    hear(response.statusCode === 200);
  });
  request.on('error', () => hear(false));
}

client.once('connected', () => {
  setInterval(check, settings.everyMs);
  say({ type: 'ready' });
});
client.connect();
onEnd(() => client.close());
