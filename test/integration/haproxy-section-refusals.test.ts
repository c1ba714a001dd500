/**
 * What a real HAProxy refuses of backends that are made at runtime and of routes, in its own words on each version: it is told as `refused` with command and
 * reply, or is an error that has both, and none is taken for success.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RuntimeConnection } from '../../shared/haproxy/connection.ts';
import { addBackend, deleteBackend, publishBackend } from '../../shared/haproxy/made-backends.ts';
import { observeAll, observeBackend } from '../../shared/haproxy/observe.ts';
import { MADE_MAP } from '../../shared/haproxy/protocol.ts';
import { changeRoutes, readRoutes, routeOf } from '../../shared/haproxy/routes.ts';
import type { SocketAddress } from '../../shared/model/proxy-config.ts';
import { HTTP_DEFAULTS, TestHaproxy } from '../support/haproxy.ts';
import { versionOf } from '../support/haproxy-versions.ts';

/** From here on HAProxy can make backends, and asks for a higher level before it shows a map. */
const MAKES = Number(versionOf('haproxy')) >= 3.4;
const NO_MAP = '[3]: Unknown map identifier. Please use #<id> or <file>.';
const POINTED_AT = '[3]: This proxy cannot be removed at runtime due to other configuration elements pointing to it.';
const [NEW, USED] = [
  { backend: 'new', shape: 'shape', loaded: 'abc.def' },
  { backend: 'used', shape: 'shape', loaded: 'abc.def' },
];

let haproxy: TestHaproxy;
let connection: RuntimeConnection;
let low: Record<'user' | 'operator', SocketAddress & { kind: 'unix' }>;
let map: string;

beforeAll(async () => {
  haproxy = await TestHaproxy.prepare({ sections: '' });
  const at = (name: string): string => join(haproxy.folder.path, name);
  low = { user: { kind: 'unix', path: at('user.sock') }, operator: { kind: 'unix', path: at('operator.sock') } };
  map = at('routes.map');
  await writeFile(map, 'a.local/ web\n');
  const noted = MAKES ? `  http-request set-var(txn.made) str(a),map(${MADE_MAP})\n` : '';
  await haproxy.configure({
    global: `  stats socket ${low.user.path} level user\n  stats socket ${low.operator.path} level operator`,
    sections: `${HTTP_DEFAULTS.replace('defaults', 'defaults shape')}  balance roundrobin
frontend in from shape
  bind unix@${at('in.sock')}
${noted}  use_backend %[base,map_dom(${map},none)]
  use_backend used if { path /used }
backend used from shape
`,
  });
  await haproxy.run();
  connection = await haproxy.connect();
});

afterAll(async () => {
  connection.close();
  await haproxy.stop();
});

const refused = (command: string, reply: string) => ({ command, outcome: 'refused', reply });

describe.skipIf(!MAKES)('a backend that is made at runtime', () => {
  it('of a name that is taken', async () => {
    const reply = "[3]: Error during backend creation : name is already used by other proxy 'backend used'.";
    expect(await addBackend(connection, USED)).toEqual([refused('add backend used from shape', reply)]);
    expect(await haproxy.cli(`show map ${MADE_MAP}`), 'it is not noted as made').toEqual(['']);
  });

  it('of a section that is not there', async () => {
    const reply = "[3]: Cannot find default proxy 'nowhere'.";
    expect(await addBackend(connection, { ...NEW, shape: 'nowhere' })).toEqual([refused('add backend new from nowhere', reply)]);
    expect(await haproxy.cli(`show map ${MADE_MAP}`)).toEqual(['']);
  });

  it('that is not there, is neither published nor taken away', async () => {
    const reply = '[3]: No such backend.';
    const publish = refused('publish backend nobody', reply);
    expect(await publishBackend(connection, 'nobody')).toEqual(publish);
    expect(await deleteBackend(connection, 'nobody')).toEqual([
      refused('unpublish backend nobody', reply),
      refused('del backend nobody', reply),
      publish,
    ]);
  });

  it('that something refers to, is published again', async () => {
    expect(await deleteBackend(connection, 'used')).toEqual([
      { command: 'unpublish backend used', outcome: 'done', reply: '[6]: Backend unpublished.' },
      refused('del backend used', POINTED_AT),
      { command: 'publish backend used', outcome: 'done', reply: '[6]: Backend published.' },
    ]);
  });

  it('that has a server left', async () => {
    expect((await addBackend(connection, NEW)).map(({ outcome }) => outcome)).toEqual(['done', 'done']);
    await haproxy.cli('add server new/s 127.0.0.1:9 id 7');
    const [, deleted] = await deleteBackend(connection, 'new');
    expect(deleted).toEqual(refused('del backend new', '[3]: Only a backend without server can be deleted.'));
    expect(await observeBackend(connection, 'new'), 'it stays ours').toMatchObject({ made: true });
    await haproxy.cli('del server new/s');
    expect((await deleteBackend(connection, 'new')).map(({ outcome }) => outcome)).toEqual(['done', 'done']);
  });
});

describe.skipIf(MAKES)('a version that makes no backends', () => {
  it('has no map to note them in, and knows no such command', async () => {
    expect(await addBackend(connection, NEW)).toEqual([refused(`add map ${MADE_MAP} new abc.def`, NO_MAP)]);
    const replies = [await publishBackend(connection, 'used'), ...(await deleteBackend(connection, 'used'))];
    expect(replies.map(({ outcome }) => outcome)).toEqual(['refused', 'refused', 'refused', 'refused']);
    for (const { reply } of replies) expect(reply).toMatch(/^\[6\]: Unknown command/);
  });
});

describe('a route', () => {
  const change = (key: string, from: string | null, to: string | null) => ({ key, from, to });

  it('of a map that the worker does not have', async () => {
    const changes = [change('b.local/', null, 'web'), change('b.local/', 'web', 'api'), change('b.local/', 'web', null)];
    const results = await changeRoutes(connection, '/nowhere.map', changes);
    expect(results.map(({ command, outcome, reply }) => ({ command, outcome, reply }))).toEqual([
      refused('add map /nowhere.map b.local/ web', NO_MAP),
      refused('set map /nowhere.map b.local/ api', NO_MAP),
      refused('del map /nowhere.map b.local/', NO_MAP),
    ]);
    expect(await readRoutes(connection, '/nowhere.map')).toBeNull();
    expect(await routeOf(connection, '/nowhere.map', 'b.local/')).toBeNull();
  });

  it('that is not in the map, is neither changed nor taken away', async () => {
    const results = await changeRoutes(connection, map, [change('nobody/', 'web', 'api'), change('nobody/', 'web', null)]);
    expect(results.map(({ outcome, reply }) => [outcome, reply])).toEqual([
      ['refused', '[3]: entry not found.'],
      ['refused', '[3]: Key not found.'],
    ]);
    expect(await readRoutes(connection, map)).toEqual(new Map([['a.local/', 'web']]));
  });
});

describe('a socket of too low a level', () => {
  it.each(['user', 'operator'] as const)('%s: nothing is made, nothing is told that was not', async (level) => {
    const below = await RuntimeConnection.open(low[level]);
    try {
      const replies = [await publishBackend(below, 'used'), ...(await deleteBackend(below, 'used'))];
      expect(replies.map(({ outcome }) => outcome)).toEqual(['refused', 'refused', 'refused', 'refused']);
      if (!MAKES) return;
      for (const { reply } of replies) expect(reply).toBe('[3]: Permission denied');
      await expect(readRoutes(below, map)).rejects.toMatchObject({
        code: 'HAPROXY_REPLY_UNEXPECTED',
        message: expect.stringMatching(/"show map .*" with "\[3\]: Permission denied"/),
      });
      await expect(addBackend(below, NEW)).rejects.toMatchObject({ code: 'HAPROXY_STATE_UNREADABLE' });
      await expect(observeAll(below)).rejects.toMatchObject({ code: 'HAPROXY_STATE_UNREADABLE' });
    } finally {
      below.close();
    }
  });
});
