/** The life of instances, told as stories over the pure fold. */
import { describe, expect, it } from 'vitest';
import { serverIdKey, WAITING_MAX } from '../../machines/claims.ts';
import { needs } from '../../machines/needs.ts';
import { desiredServer, visibleState } from '../../machines/projection.ts';
import { serverIdCandidates } from '../../machines/server-id.ts';
import { newService, TOMBSTONES_MAX } from '../../machines/service.ts';
import { Story, serviceConfig } from '../support/service-events.ts';

const free = serviceConfig({ guard: { maxLoss: 1, window: 10_000, hold: 300_000 } });

describe('an instance', () => {
  it('joins with a server id, serves once a proxy sees it up, drains when its znode goes, and is gone after drainTimeout', () => {
    const story = new Story(free);
    story.register(81);
    story.up(81);
    story.register(80);
    expect(story.at(80).state).toBe('joining');
    expect(desiredServer(story.at(80))).toEqual({
      instance: '10.0.0.1:80',
      name: '10.0.0.1:80',
      id: serverIdCandidates('10.0.0.1:80')[0],
      address: '10.0.0.1',
      port: 80,
      weight: 1,
      admin: 'ready',
    });
    story.up(80);
    expect(story.at(80).state).toBe('serving');
    story.pass(5).deregister(80);
    expect(desiredServer(story.at(80))?.admin).toBe('drain');
    story.pass(29_999).ring();
    expect(story.at(80).state).toBe('draining');
    story.pass(1).ring();
    expect(story.at(80).state).toBe('gone');
    expect(desiredServer(story.at(80))).toBeNull();
  });

  it('comes back during the drain as if nothing had happened, and the old deadline does not touch it', () => {
    const story = new Story(free);
    story.register(80);
    story.up(80);
    story.deregister(80);
    const token = story.at(80).context.timers.drain?.token ?? -1;
    story.pass(10_000).register(80);
    expect(story.at(80).state).toBe('serving');
    expect(desiredServer(story.at(80))?.id).toBe(serverIdCandidates('10.0.0.1:80')[0]);
    story.pass(60_000).tell({ type: 'timer', timer: 'drain', instance: '10.0.0.1:80', token });
    expect(story.at(80).state).toBe('serving');
  });

  it('refuses a stale deadline of an earlier drain', () => {
    const story = new Story(free);
    story.register(80);
    story.deregister(80);
    const stale = story.at(80).context.timers.drain?.token ?? -1;
    story.pass(1_000).register(80);
    story.pass(1_000).deregister(80);
    story.tell({ type: 'timer', timer: 'drain', instance: '10.0.0.1:80', token: stale });
    expect(story.at(80).state).toBe('draining');
  });

  it('lives as long as one of its znodes', () => {
    const story = new Story(free);
    story.register(80, {}, 'a');
    story.register(80, {}, 'b');
    story.deregister(80, 'a');
    expect(story.at(80).state).toBe('joining');
    story.deregister(80, 'b');
    expect(story.at(80).state).toBe('draining');
  });

  it('is not ended by the end of a znode that was already replaced', () => {
    const story = new Story(free);
    story.register(80);
    const old = story.at(80).context.znodes['10.0.0.1:80'];
    story.register(80);
    if (old === undefined) throw new Error('the znode is not in the snapshot');
    story.tell({ type: 'deregistered', instance: '10.0.0.1:80', znode: old });
    expect(story.at(80).state).toBe('joining');
  });

  it('keeps its server id when it comes back after it was gone', () => {
    const story = new Story(free);
    story.register(80);
    const id = story.at(80).context.serverId;
    story.deregister(80);
    story.pass(30_000).ring();
    story.register(82);
    story.register(80);
    expect(story.at(80).context.serverId).toBe(id);
    expect(story.at(82).context.serverId).not.toBe(id);
  });

  it('takes its next server id when another has the first, and none when all are taken', () => {
    const story = new Story(free);
    const candidates = serverIdCandidates('10.0.0.1:80');
    for (const id of candidates.slice(0, 3)) story.state.addresses.set(`#${id}`, { owner: 'another', waiting: [] });
    story.register(80);
    expect(story.at(80).context.serverId).toBe(candidates[3]);
    for (const id of serverIdCandidates('10.0.0.1:81')) story.state.addresses.set(`#${id}`, { owner: 'another', waiting: [] });
    story.register(81);
    expect(story.at(81).context.rejection?.code).toBe('too-many-instances');
    expect(story.state.addresses.get('10.0.0.1 81')).toBeNull();
  });

  it('is forgotten after so many others went, and not before', () => {
    const story = new Story(free);
    for (let port = 1; port <= TOMBSTONES_MAX + 1; port += 1) {
      story.register(port);
      story.deregister(port);
    }
    story.pass(30_000).ring();
    // The test rings in the order of ids, so this one went first.
    expect(story.state.instances.get('10.0.0.1:1')).toBeNull();
    const forgotten = [...story.state.instances.values()].filter((snapshot) => snapshot === null);
    expect(forgotten).toHaveLength(1);
    expect(story.state.service.tombstones).toHaveLength(TOMBSTONES_MAX);
    expect(story.state.addresses.get(`#${serverIdCandidates('10.0.0.1:1')[0]}`)).toBeNull();
  });

  it('takes a new weight without leaving its state', () => {
    const story = new Story(free);
    story.register(80);
    story.up(80);
    const { znodes } = story.at(80).context;
    const znode = znodes['10.0.0.1:80'];
    if (znode === undefined) throw new Error('no znode');
    story.tell({
      type: 'changed',
      instance: '10.0.0.1:80',
      znode: { ...znode, mzxid: '9', version: 1 },
      said: { registration: { host: '10.0.0.1', address: '10.0.0.1', port: 80, weight: 7, labels: {} } },
    });
    expect(story.at(80).state).toBe('serving');
    expect(desiredServer(story.at(80))?.weight).toBe(7);
  });
});

describe('a bad registration', () => {
  const bad = { rejection: { code: 'bad-data', detail: 'no JSON' } } as const;
  const znode = { name: 'x', czxid: '50', mzxid: '50', version: 0 };

  it('is rejected alone, with its reason, and ends with its znode', () => {
    const story = new Story(free);
    story.register(80);
    story.tell({ type: 'registered', instance: 'znode:x', znode, said: bad });
    expect(visibleState(story.instance('znode:x'))).toBe('rejected');
    expect(story.instance('znode:x').context.rejection).toEqual(bad.rejection);
    expect(desiredServer(story.instance('znode:x'))).toBeNull();
    expect(story.at(80).state).toBe('joining');
    story.tell({ type: 'deregistered', instance: 'znode:x', znode });
    expect(story.instance('znode:x').state).toBe('gone');
  });

  it('leaves the last good form in use, and is shown', () => {
    const story = new Story(free);
    story.register(80, { weight: 5 });
    story.up(80);
    const known = story.at(80).context.znodes['10.0.0.1:80'];
    if (known === undefined) throw new Error('no znode');
    story.tell({ type: 'changed', instance: '10.0.0.1:80', znode: { ...known, mzxid: '99' }, said: bad });
    expect(visibleState(story.at(80))).toBe('rejected');
    expect(desiredServer(story.at(80))).toMatchObject({ weight: 5, admin: 'ready' });
    story.register(80, { weight: 6 });
    expect(visibleState(story.at(80))).toBe('serving');
  });

  it('that policy forbids does not stay, not even with a good form before', () => {
    const story = new Story(free);
    story.register(80);
    story.tell({ type: 'configured', config: { ...free, allow: { cidrs: ['192.168.0.0/16'], loopback: false, names: true } } });
    expect(story.at(80).state).toBe('rejected');
    expect(story.at(80).context.rejection?.code).toBe('address-not-allowed');
    expect(desiredServer(story.at(80))).toBeNull();
    expect(story.state.service.refused).toEqual(['10.0.0.1:80']);
    story.tell({ type: 'configured', config: free });
    expect(story.at(80).state).toBe('joining');
    expect(story.state.service.refused).toEqual([]);
  });

  it('ends its warm-up: what is allowed again without one leaves no deadline that rings for ever', () => {
    const story = new Story({ ...free, warmUp: 100_000 });
    story.register(80);
    story.up(80);
    expect(story.at(80).context.timers.warm).toBeDefined();
    story.tell({
      type: 'configured',
      config: { ...free, warmUp: 100_000, allow: { cidrs: ['192.168.0.0/16'], loopback: false, names: true } },
    });
    story.tell({ type: 'configured', config: free });
    expect(story.at(80).state).toBe('joining');
    story.pass(100_000).ring();
    expect(story.due()).toEqual([]);
    expect(desiredServer(story.at(80))?.weight).toBe(1);
  });

  it('does not shield a last good form that policy forbids', () => {
    const story = new Story(free);
    story.register(80);
    story.spoil(80);
    expect(desiredServer(story.at(80))).not.toBeNull();
    story.tell({ type: 'configured', config: { ...free, allow: { cidrs: ['192.168.0.0/16'], loopback: false, names: true } } });
    expect(story.at(80).state).toBe('rejected');
  });

  it('many at once that resolve to what policy forbids do not empty the service: each stays where it was', () => {
    const story = new Story({ ...free, allow: { cidrs: ['10.0.0.0/8'], loopback: false, names: true } });
    const ports = [80, 81, 82, 83];
    for (const port of ports) story.register(port);
    for (const port of ports) story.up(port);
    for (const port of ports) story.register(port, { address: '127.0.0.1' });
    expect(ports.map((port) => visibleState(story.at(port)))).toEqual(ports.map(() => 'rejected'));
    expect(ports.map((port) => desiredServer(story.at(port)))).toEqual(
      ports.map((port) => expect.objectContaining({ address: '10.0.0.1', port, admin: 'ready' })),
    );
    for (const port of ports) story.register(port, { address: '10.0.0.2' });
    expect(ports.map((port) => desiredServer(story.at(port))?.address)).toEqual(ports.map(() => '10.0.0.2'));
  });

  it('leaves the last that is up where it was when its new address is another one’s, until that is free', () => {
    const story = new Story(free);
    story.register(80, { host: 'web-1' }, 'web-1:80');
    story.register(80, { host: 'web-2', address: '10.0.0.2' }, 'web-2:80');
    story.tell({ type: 'health', proxy: 'p1', verdicts: [{ instance: 'web-2:80', from: 'absent', to: 'up' }] });
    story.register(80, { host: 'web-2', address: '10.0.0.1' }, 'web-2:80');
    expect(visibleState(story.instance('web-2:80'))).toBe('rejected');
    expect(desiredServer(story.instance('web-2:80'))).toMatchObject({ address: '10.0.0.2', admin: 'ready' });
    story.deregister(80, 'web-1:80', 'web-1');
    expect(visibleState(story.instance('web-2:80'))).toBe('serving');
    expect(desiredServer(story.instance('web-2:80'))?.address).toBe('10.0.0.1');
  });

  it('of which one is held comes back although there are maxInstances others by now', () => {
    const story = new Story({ ...free, maxInstances: 2 });
    story.register(80);
    story.up(80);
    story.deregister(80);
    expect(story.at(80).state).toBe('held');
    for (const port of [81, 82]) story.register(port);
    story.register(80);
    expect(story.at(80).state).toBe('serving');
  });

  it('in a draining instance does not take the address back from who has it now', () => {
    const story = new Story(free);
    story.register(80);
    story.deregister(80);
    story.register(80, { host: 'web-1' }, 'web-1:80');
    story.spoil(80);
    expect(story.at(80).state).toBe('rejected');
    expect(story.instance('web-1:80').state).toBe('joining');
  });

  it('of which there are more than maxInstances is not remembered, and makes room when one ends', () => {
    const story = new Story(serviceConfig({ maxInstances: 2 }));
    for (const port of [80, 81, 82, 83]) story.spoil(port);
    expect([...story.state.instances.keys()]).toEqual(['10.0.0.1:80', '10.0.0.1:81']);
    story.deregister(83);
    story.deregister(80);
    story.spoil(84);
    expect(story.at(84).state).toBe('rejected');
    expect(story.state.service.rejected).toBe(2);
    story.register(85);
    expect(story.at(85).state).toBe('joining');
  });

  it('more than maxInstances are rejected, those before go on', () => {
    const story = new Story(serviceConfig({ maxInstances: 2 }));
    for (const port of [80, 81, 82]) story.register(port);
    expect([80, 81, 82].map((port) => visibleState(story.at(port)))).toEqual(['joining', 'joining', 'rejected']);
    expect(story.at(82).context.rejection?.code).toBe('too-many-instances');
  });
});

describe('two names for one address', () => {
  it('the first has it, the second is rejected and takes over when the first leaves', () => {
    const story = new Story(free);
    story.register(80);
    story.register(80, { host: 'web-1' }, 'web-1:80');
    expect(story.instance('web-1:80').context.rejection).toEqual({
      code: 'duplicate-address',
      detail: '10.0.0.1 port 80 is registered as 10.0.0.1:80',
    });
    story.deregister(80);
    expect(story.instance('web-1:80').state).toBe('joining');
    expect(story.at(80).state).toBe('draining');
  });

  it('a waiting one that went meanwhile is passed over', () => {
    const story = new Story(free);
    story.register(80);
    story.register(80, { host: 'web-1' }, 'web-1:80');
    story.register(80, { host: 'web-2' }, 'web-2:80');
    story.deregister(80, 'web-1:80', 'web-1');
    story.deregister(80);
    expect(story.instance('web-1:80').state).toBe('gone');
    expect(story.instance('web-2:80').state).toBe('joining');
  });

  it('one that went waits no longer, and no more than so many wait', () => {
    const story = new Story(free);
    const waiting = (): readonly string[] => story.state.addresses.get('10.0.0.1 80')?.waiting ?? [];
    story.register(80);
    for (let twin = 1; twin <= WAITING_MAX + 2; twin += 1) story.register(80, { host: `web-${twin}` }, `web-${twin}:80`);
    expect(waiting()).toHaveLength(WAITING_MAX);
    expect(visibleState(story.instance(`web-${WAITING_MAX + 2}:80`))).toBe('rejected');
    for (let twin = 1; twin <= WAITING_MAX; twin += 1) story.deregister(80, `web-${twin}:80`, `web-${twin}`);
    expect(waiting()).toEqual([]);
  });

  it('a waiting one that is refused when its turn comes does not keep the address', () => {
    const story = new Story(serviceConfig({ ...free, maxInstances: 2 }));
    story.register(80);
    story.register(80, { host: 'web-1' }, 'web-1:80');
    story.register(81);
    story.register(82);
    story.tell({ type: 'configured', config: { ...free, maxInstances: 1 } });
    story.deregister(80);
    expect(story.instance('web-1:80').state).toBe('rejected');
    expect(story.state.addresses.get('10.0.0.1 80')).toBeNull();
  });
});

describe('a service that is built anew', () => {
  it('knows nothing of what was before, and gives back the same server id', () => {
    const story = new Story(free);
    story.register(80);
    story.register(81);
    story.deregister(81);
    const { serverId } = story.at(80).context;
    story.tell({ type: 'rebuilt', detail: 'garbage' });
    expect(story.state.service).toEqual(newService());
    expect([...story.state.instances.values(), ...story.state.addresses.values()].filter((one) => one !== null)).toEqual([]);
    story.tell({ type: 'configured', config: free });
    story.register(80);
    expect(story.at(80).context).toMatchObject({ serverId, znodes: { '10.0.0.1:80': {} } });
  });
});

describe('what a fold needs', () => {
  it('is the same for a loss however many are held: those matter only until there is a hold', () => {
    const znode = { name: '10.0.0.1:80', czxid: '1', mzxid: '1', version: 0 };
    expect(needs({ type: 'deregistered', instance: '10.0.0.1:80', znode })).toEqual({
      all: false,
      losses: 'while-open',
      instances: ['10.0.0.1:80'],
      addresses: ['10.0.0.1 80', ...serverIdCandidates('10.0.0.1:80').map(serverIdKey)],
    });
  });
});
