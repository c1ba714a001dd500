/** The election on real Zookeeper: one leader, taken over when it stops, dies or hangs. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createLogger } from '../../shared/observability/logger.ts';
import { Election } from '../../shared/zookeeper/election.ts';
import { FaultProxy } from '../support/fault-proxy.ts';
import { connectedLink, type TestLink } from '../support/link.ts';
import { type PlainClient, plainClient } from '../support/plain-client.ts';
import { until } from '../support/poll.ts';
import { startZookeeper, type Zookeeper } from '../support/zookeeper.ts';

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

interface Candidate {
  readonly opened: TestLink;
  readonly proxy: FaultProxy;
  readonly election: Election;
  readonly told: string[];
  end(): Promise<void>;
}

async function candidate(name: string, sessionTimeout = 8_000): Promise<Candidate> {
  const proxy = await FaultProxy.start(zookeeper.servers[0]?.port ?? 0);
  const opened = await connectedLink(proxy.connect, { sessionTimeout });
  const election = new Election(opened.link, { root: '/pointsman', name, id: name, logger: createLogger({ level: 'silent' }) });
  const told: string[] = [];
  election.on('elected', () => told.push('elected'));
  election.on('lost', () => told.push('lost'));
  election.start();
  const end = async (): Promise<void> => {
    await election.stop();
    await opened.link.stop();
    await proxy.close();
  };
  return { opened, proxy, election, told, end };
}

const leaders = (candidates: readonly Candidate[]): number[] => candidates.flatMap(({ election }, i) => (election.leader ? [i] : []));

describe('an election', () => {
  test('has one leader, in the order of arrival, and goes on when it stops', async () => {
    const all: Candidate[] = [];
    for (let i = 0; i < 3; i++) {
      all.push(await candidate('order'));
      await until('its znode', async () => (await plain.children('/pointsman/election/order')).length === i + 1);
    }
    await until('a leader', () => leaders(all).length > 0);
    expect(leaders(all)).toEqual([0]);
    // The second goes: that is no news for the third.
    await all[1]?.end();
    expect(leaders(all)).toEqual([0]);
    await all[0]?.end();
    await until('the third to lead', () => all[2]?.election.leader);
    expect(all.map(({ told }) => told)).toEqual([['elected', 'lost'], [], ['elected']]);
    await all[2]?.end();
    expect(await plain.children('/pointsman/election/order')).toEqual([]);
  });

  test('is taken over from a leader that is cut off, which knows it by then', async () => {
    const [one, two] = [await candidate('cut', 2_000), await candidate('cut', 2_000)];
    await until('a leader', () => leaders([one, two]).length > 0);
    const [leader, other] = one.election.leader ? [one, two] : [two, one];
    leader.proxy.mode = 'blackhole';
    let both = false;
    await until('the other to lead', () => {
      both ||= leader.election.leader && other.election.leader;
      return other.election.leader;
    });
    expect(both).toBe(false);
    expect(leader.told).toEqual(['elected', 'lost']);
    leader.proxy.mode = 'pass';
    leader.proxy.dropAll();
    await until('the old leader to be back', () => leader.opened.link.connected);
    await until('it to stand again', async () => (await plain.children('/pointsman/election/cut')).length === 2);
    expect(leader.election.leader).toBe(false);
    expect(await leader.election.confirm()).toBe(false);
    expect(await other.election.confirm()).toBe(true);
    await one.end();
    await two.end();
  });

  test('keeps its leader over a short disconnect, and over a session that goes on', async () => {
    const one = await candidate('short');
    await until('it to lead', () => one.election.leader);
    one.proxy.dropAll();
    await until('the link to be back', () => one.opened.told.includes('up resumed'));
    expect(await one.election.confirm()).toBe(true);
    expect(one.told).toEqual(['elected']);
    await one.end();
  });

  test('notices when its znode is deleted by hand', async () => {
    const one = await candidate('by-hand');
    await until('it to lead', () => one.election.leader);
    const [znode] = await plain.children('/pointsman/election/by-hand');
    await plain.remove(`/pointsman/election/by-hand/${znode}`);
    await until('it to lead again', () => one.told.length === 3);
    expect(one.told).toEqual(['elected', 'lost', 'elected']);
    await one.end();
  });
});
