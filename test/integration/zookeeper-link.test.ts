/** The link's own promises on real Zookeeper: its calls, sessions that end, members that die, logins. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { FaultProxy } from '../support/fault-proxy.ts';
import { connectedLink, openLink, refusal } from '../support/link.ts';
import { type PlainClient, plainClient } from '../support/plain-client.ts';
import { until } from '../support/poll.ts';
import { freePort } from '../support/port.ts';
import { startEnsemble, startZookeeper, type Zookeeper } from '../support/zookeeper.ts';

describe('with one server', () => {
  let zookeeper: Zookeeper;
  let plain: PlainClient;
  beforeAll(async () => {
    zookeeper = await startZookeeper();
    plain = await plainClient(zookeeper.connect);
  });
  afterAll(async () => {
    await plain?.close();
    await zookeeper?.stop();
  });

  test('reads and writes, and says what things are', async () => {
    await using opened = await connectedLink(zookeeper.connect);
    const { link } = opened;
    await link.ensure('/calls/below');
    await link.ensure('/calls/below');
    expect(await link.create('/calls/below/one', 'first')).toBe('/calls/below/one');
    const ephemeral = await link.create('/calls/below/e-', '', { ephemeral: true, sequential: true });
    expect(ephemeral).toMatch(/^\/calls\/below\/e-\d{10}$/);
    const { data, stat } = await link.data('/calls/below/one');
    expect(data.toString()).toBe('first');
    expect(stat).toMatchObject({ version: 0, cversion: 0, ephemeralOwner: null, dataLength: 5, numChildren: 0 });
    expect(stat.mzxid).toMatch(/^\d+$/);
    expect(stat.mzxid).toBe(stat.czxid);
    const changed = await link.set('/calls/below/one', 'second', 0);
    expect(changed.version).toBe(1);
    expect(BigInt(changed.mzxid)).toBeGreaterThan(BigInt(changed.czxid));
    expect((await link.exists(ephemeral))?.ephemeralOwner).toBe(link.sessionId);
    expect(await link.exists('/calls/none')).toBeNull();
    const listed = await link.children('/calls/below');
    expect(listed.names.sort()).toEqual([ephemeral.slice('/calls/below/'.length), 'one']);
    expect(listed.stat.numChildren).toBe(2);
    await link.barrier('/calls/barrier/of/ours');
    await link.barrier('/calls/barrier/of/ours');
    await link.remove('/calls/below/one', 1);
    expect(await link.exists('/calls/below/one')).toBeNull();
  });

  test('refuses with a code for each cause', async () => {
    await using opened = await connectedLink(zookeeper.connect);
    const { link } = opened;
    await link.ensure('/codes/one');
    expect(await refusal(link.children('/codes/none'))).toBe('ZOOKEEPER_NO_NODE');
    expect(await refusal(link.create('/codes/one', ''))).toBe('ZOOKEEPER_NODE_EXISTS');
    expect(await refusal(link.set('/codes/one', '', 7))).toBe('ZOOKEEPER_BAD_VERSION');
    expect(await refusal(link.remove('/codes'))).toBe('ZOOKEEPER_FAILED');
    expect(await refusal(link.exists('no/slash'))).toBe('ZOOKEEPER_FAILED');
    await plain.restrict('/codes/one', 'somebody:else');
    expect(await refusal(link.data('/codes/one'))).toBe('ZOOKEEPER_NO_AUTH');
    await link.stop();
    expect(await refusal(link.exists('/codes'))).toBe('ZOOKEEPER_CONNECTION_LOSS');
  });

  test('works below a chroot, and says when it is not there', async () => {
    await plain.ensure('/some/chroot');
    await using opened = await connectedLink(`${zookeeper.connect}/some/chroot`);
    const heard: string[] = [];
    await opened.link.ensure('/a');
    await opened.link.children('/a', (event) => heard.push(`${event.kind} ${event.path}`));
    await plain.create('/some/chroot/a/b');
    await until('the watch to fire', () => heard.length === 1);
    expect(heard).toEqual(['children /a']);
    await using lost = await connectedLink(`${zookeeper.connect}/not/there`);
    await until('the problem to be told', () => lost.told.includes('problem ZOOKEEPER_NO_NODE'));
  });

  test('sends its login before anything else, and says when it is refused', async () => {
    await plain.ensure('/login/mine');
    await plain.restrict('/login/mine', 'one:secret');
    await using opened = openLink(zookeeper.connect, { auth: { scheme: 'digest', credentials: 'one:secret' } });
    const first: Promise<unknown>[] = [];
    opened.link.once('up', () => {
      first.push(opened.link.set('/login/mine', 'x'));
    });
    await until('the link to come up', () => first.length > 0);
    await Promise.all(first);
    await using refused = openLink(zookeeper.connect, { auth: { scheme: 'no-such-scheme', credentials: 'x' } });
    await until('two refusals', () => refused.told.filter((word) => word === 'problem ZOOKEEPER_AUTH_FAILED').length >= 2);
    expect(refused.told).not.toContain('up new');
  });

  test('makes a new session when the old one has expired, with no watch of before', async () => {
    const proxy = await FaultProxy.start(zookeeper.servers[0]?.port ?? 0);
    await using opened = await connectedLink(proxy.connect, { sessionTimeout: 2_000 });
    const { link, told } = opened;
    await link.ensure('/expiry');
    const before = link.sessionId;
    const mine = await link.create('/expiry/mine', '', { ephemeral: true });
    const heard: string[] = [];
    await link.children('/expiry', () => heard.push('a watch of before'));
    proxy.mode = 'reset';
    proxy.dropAll();
    await until('the session to end', async () => !(await plain.exists(mine)));
    proxy.mode = 'pass';
    await until('the link to come up', () => link.connected);
    expect(told.filter((word) => word !== 'problem ZOOKEEPER_UNREACHABLE')).toEqual(['up new', 'down', 'expired', 'up new']);
    expect(link.sessionId).not.toBe(before);
    await link.create('/expiry/again', '', { ephemeral: true });
    expect((await link.children('/expiry')).names).toEqual(['again']);
    expect(heard).toEqual([]);
    await proxy.close();
  });

  test('keeps trying when nothing is there, says so, and lives through the restart of the server', async () => {
    const port = await freePort();
    await using early = openLink(`127.0.0.1:${port}`, { sessionTimeout: 1_000 });
    await until('the outage to be told', () => early.told.includes('problem ZOOKEEPER_UNREACHABLE'));
    await using own = await startZookeeper();
    await using opened = await connectedLink(own.connect, { sessionTimeout: 8_000 });
    await opened.link.ensure('/restart');
    const mine = await opened.link.create('/restart/mine', '', { ephemeral: true });
    await own.server.restart();
    await until('the link to come up again', () => opened.told.length === 3);
    expect(opened.told).toEqual(['up new', 'down', 'up resumed']);
    expect(await opened.link.exists(mine)).not.toBeNull();
  });
});

describe('with an ensemble', () => {
  let ensemble: Zookeeper;
  let plain: PlainClient;
  beforeAll(async () => {
    ensemble = await startEnsemble();
    plain = await plainClient(ensemble.servers[2]?.connect ?? '');
  });
  afterAll(async () => {
    await plain?.close();
    await ensemble?.stop();
  });

  test('goes to another member with the same session when its own hangs, and sees what changed meanwhile', async () => {
    const members = ensemble.servers.slice(0, 2);
    await using opened = await connectedLink(members.map((server) => server.connect).join(','), { sessionTimeout: 4_000 });
    const { link, told } = opened;
    await link.ensure('/ensemble');
    const mine = await link.create('/ensemble/mine', '', { ephemeral: true });
    const serving = await Promise.all(members.map(async (server) => [server, await server.say('wchs'), await server.say('srvr')] as const));
    // The member that our session is on has one connection more than the four letter word's own.
    const own = serving.find(([, , srvr]) => Number(/Connections: (\d+)/.exec(srvr)?.[1]) > 1)?.[0];
    if (own === undefined) throw new Error('no member has our connection');
    own.suspend();
    try {
      await plain.create('/ensemble/meanwhile');
      await until('the link to be on another member', () => told.at(-1) === 'up resumed');
      expect(told).toEqual(['up new', 'down', 'up resumed']);
      expect((await link.children('/ensemble')).names.sort()).toEqual(['meanwhile', 'mine']);
      expect((await link.exists(mine))?.ephemeralOwner).toBe(link.sessionId);
    } finally {
      own.resume();
    }
  });
});
