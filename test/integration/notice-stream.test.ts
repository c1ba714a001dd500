/** A stream of notices against a peer that is not what it should be: half lines, garbage, floods, silence, an end. And one stream at most. */
import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { NoticeStream, type StreamEnd } from '../../shared/haproxy/notice-stream.ts';
import type { Notice } from '../../shared/haproxy/parse-notice.ts';
import { type Hearing, NoticeFollower } from '../../workers/observer/notice-follower.ts';
import { type TempFolder, tempFolder } from '../support/folder.ts';
import { HTTP_DEFAULTS, TestHaproxy } from '../support/haproxy.ts';
import { until } from '../support/poll.ts';

const HEAD = (pid: number): string =>
  `\nName: HAProxy\nPid: ${pid}\nStopping: 0\n\nSupported events sinks are listed below. Add -w(wait), -n(new). Any key to stop\n    stdout     : type=fd, 0 dropped, standard output (fd#1)\n    pointsman-notices : type=buffer, 0 dropped, pointsman-notices\n\n`;
const DOWN = 'Server web/s1 is DOWN, reason: Layer4 timeout.\n';

let folder: TempFolder;
let server: Server;
let sockets: Socket[];
let address: { kind: 'unix'; path: string };
let notices: Notice[];
let ends: StreamEnd[];
let live: number[];

beforeEach(async () => {
  folder = await tempFolder();
  address = { kind: 'unix', path: join(folder.path, 'sock') };
  [sockets, notices, ends, live] = [[], [], [], []];
  server = createServer((socket) => {
    socket.on('error', () => undefined).resume();
    sockets.push(socket);
  });
  server.listen(address.path);
  await once(server, 'listening');
});

afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  server.close();
  await folder.remove();
});

function open(deadlineMs?: number): NoticeStream {
  return new NoticeStream(
    address,
    { onLive: (pid) => live.push(pid), onNotice: (notice) => notices.push(notice), onEnd: (end) => ends.push(end) },
    deadlineMs,
  );
}

async function peer(): Promise<Socket> {
  return until('the connection', () => sockets.at(-1));
}

/** Waits for the kernel to have taken it, so that the flood is not ours to hold. */
async function send(socket: Socket, data: string | Buffer): Promise<void> {
  await new Promise<void>((resolve) => socket.write(data, () => resolve()));
}

describe('a stream', () => {
  it('is live once its worker has said who it is, and tells what it reads, however it is cut', async () => {
    const stream = open();
    const socket = await peer();
    for (const character of HEAD(77)) await send(socket, character);
    await until('it to be live', () => live.length === 1);
    for (const character of DOWN) await send(socket, character);
    await until('the notice', () => notices.length === 1);
    await send(socket, Buffer.from([0xff, 0x00, 0x0a, 0x80]));
    await send(socket, `\nnonsense; del server web/s1\n\n\n${DOWN}`);
    await until('the next notice', () => notices.length === 2);
    expect({ live, ends, notices: notices.map(({ kind }) => kind) }).toEqual({ live: [77], ends: [], notices: ['health', 'health'] });
    stream.close();
    await until('its end', () => socket.closed || socket.destroyed || socket.readableEnded);
    expect(ends).toEqual([]);
  });

  it('holds no more than a line of a flood without an end, and goes on behind it', async () => {
    const stream = open();
    const socket = await peer();
    await send(socket, HEAD(77));
    const block = Buffer.alloc(1 << 20, 'x');
    const before = process.memoryUsage().rss;
    for (let megabytes = 0; megabytes < 200; megabytes += 1) await send(socket, block);
    expect(process.memoryUsage().rss - before).toBeLessThan(100 * (1 << 20));
    await send(socket, `\n${DOWN}`);
    await until('what follows', () => notices.length === 2);
    expect(notices).toEqual([{ kind: 'lost' }, { kind: 'health', backend: 'web' }]);
    stream.close();
  });

  it('that gets no answer, or an endless one, ends', async () => {
    open(100);
    await until('its end', () => ends.length === 1);
    expect(ends).toEqual([{ why: 'no-answer' }]);
    open();
    const socket = await until('the second one', () => sockets[1]);
    socket.write('Pid\n'.repeat(5_000));
    await until('its end', () => ends.length === 2);
    expect(ends[1]?.why).toBe('closed');
    expect(live).toEqual([]);
  });

  it('ends when its peer does, or when there is none', async () => {
    open();
    (await peer()).destroy();
    await until('its end', () => ends.length === 1);
    server.close();
    await folder.remove();
    open();
    await until('the second end', () => ends.length === 2);
    expect(ends.map(({ why }) => why)).toEqual(['closed', 'closed']);
  });

  it('of a HAProxy without our ring says so', async () => {
    const haproxy = await TestHaproxy.start({ sections: `${HTTP_DEFAULTS}\nbackend web\n` });
    try {
      address = haproxy.runtime;
      open();
      await until('its end', () => ends.length === 1);
      expect(ends).toEqual([{ why: 'no-ring' }]);
    } finally {
      await haproxy.stop();
    }
  });
});

describe('a follower', () => {
  let gaps = 0;
  let hearings: Hearing[];
  let follower: NoticeFollower;
  const living = (): Socket[] => sockets.filter((socket) => !socket.destroyed);

  beforeEach(() => {
    gaps = 0;
    hearings = [];
    follower = new NoticeFollower(address, {
      onNotice: (notice) => notices.push(notice),
      onGap: () => {
        gaps += 1;
      },
      onHearing: (hearing) => hearings.push(hearing),
    });
  });

  afterEach(() => follower.close());

  it('keeps one stream, of the living worker, and asks for a look when it begins', async () => {
    for (let n = 0; n < 5; n += 1) follower.attend(1);
    await send(await peer(), HEAD(1));
    await until('it to follow', () => follower.following === 1);
    expect({ gaps, hearings, connections: sockets.length }).toEqual({ gaps: 1, hearings: [{ by: 'ring', detail: null }], connections: 1 });
    follower.attend(2);
    expect(follower.following).toBeNull();
    await send(await until('the second one', () => sockets[1]), HEAD(2));
    await until('it to follow the other', () => follower.following === 2 && living().length === 1);
    follower.leave();
    await until('no connection', () => living().length === 0);
  });

  it('lets a stream go that another worker answers', async () => {
    follower.attend(1);
    await send(await peer(), HEAD(9));
    await until('a look', () => gaps === 1);
    expect(follower.following).toBeNull();
    await until('no connection', () => living().length === 0);
  });

  it('opens no stream again at once when it broke, nor ever one of a worker without a ring', async () => {
    follower.attend(1);
    (await peer()).destroy();
    await until('it to be said', () => hearings.length === 1);
    follower.attend(1);
    follower.attend(1);
    await until('the next try', () => {
      follower.attend(1);
      return sockets.length === 2;
    });
    await send(sockets[1] as Socket, HEAD(1).replaceAll('pointsman-notices', 'other'));
    await until('it to be said', () => hearings.length === 2);
    expect(hearings[1]?.detail).toContain('without the ring');
    for (let n = 0; n < 5; n += 1) follower.attend(1);
    follower.attend(2);
    await until('a try with another worker', () => sockets.length === 3);
  });

  it('opens none when it is closed', async () => {
    follower.close();
    follower.attend(1);
    expect(follower.following).toBeNull();
    await new Promise((resolve) => setImmediate(resolve));
    expect(sockets).toEqual([]);
  });
});
