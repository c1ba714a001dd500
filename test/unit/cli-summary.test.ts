/** The first line of `pointsman status`: it never reads as all well when somebody is missing. */
import { expect, it } from 'vitest';
import { type ProxyStatus, STATUS_FORMAT, type StatusReport, serviceStatus, type WatcherStatus } from '../../cli/status/report.ts';
import { summary } from '../../cli/status/summary.ts';

const NOW = 1_700_000_000_000;
const WELL = '1 service · 0 instances · 1 proxy · every backend in sync';

const NOTHING = { snapshot: null, revision: 0, instances: [], lag: { events: 0, more: false, ms: 0 } };

function proxy(changes: Partial<ProxyStatus> = {}): ProxyStatus {
  const backends = [{ service: 'web', state: 'in-sync', since: NOW, revision: 1, detail: null, nextTry: null, overrides: [] }];
  const known = {
    proxy: 'edge',
    pool: 'edge',
    version: '2.6.12',
    worker: 1,
    oldWorkers: 0,
    lastSeen: NOW,
    live: true,
    unreachable: null,
    breaker: null,
    hearing: null,
  };
  return { ...known, dirty: 0, backends, lastReload: null, ...changes };
}

function watcher(changes: Partial<WatcherStatus> = {}): WatcherStatus {
  const at = { lastSeen: NOW, live: true, connected: true, since: NOW - 60_000 };
  return { watcher: 'host-1', leader: true, ...at, problem: null, services: 1, troubled: [], ...changes };
}

function line(changes: Partial<StatusReport> = {}): string {
  const service = serviceStatus({ service: 'web', ...NOTHING });
  const report = {
    format: STATUS_FORMAT,
    at: NOW,
    services: [service],
    instances: [],
    proxies: [proxy()],
    watchers: [watcher()],
    registrars: [],
    queues: [],
    rollout: { reloading: [], stopped: [] },
  };
  return summary({ ...report, ...changes } as StatusReport);
}

it('is plain when all is well, also beside watchers that stand by or are gone', () => {
  expect(line()).toBe(WELL);
  expect(line({ watchers: [watcher(), watcher({ leader: false }), watcher({ live: false, connected: false })] })).toBe(WELL);
});

it.each<[what: string, changes: Partial<StatusReport>, first: string]>([
  [
    'a HAProxy that hangs',
    { proxies: [proxy({ breaker: { state: 'open', detail: 'no answer', since: NOW, nextTry: NOW }, unreachable: 'no answer' })] },
    'proxy edge HANGS',
  ],
  ['no watcher ever', { watchers: [] }, 'NO WATCHER yet'],
  ['a dead watcher', { watchers: [watcher({ live: false, lastSeen: NOW - 180_000 })] }, 'NO WATCHER: not heard of for 3m'],
  [
    'watchers that are all cut off',
    { watchers: [watcher({ connected: false, leader: false, since: NOW - 12_000 }), watcher({ connected: false, leader: false })] },
    'the watcher is CUT OFF from Zookeeper for 12s',
  ],
  [
    'registrars that are cut off',
    {
      registrars: [
        { registrar: 'host-1-7', lastSeen: NOW, live: true, connected: false, since: NOW - 12_000, states: {}, entries: [], more: 0 },
        { registrar: 'host-2-7', lastSeen: 0, live: false, connected: false, since: 0, states: {}, entries: [], more: 0 },
      ],
    },
    'registrar host-1-7 is CUT OFF from Zookeeper for 12s',
  ],
  ['watchers of which none leads', { watchers: [watcher({ leader: false })] }, 'no watcher LEADS yet'],
  [
    'services without a server, before all else',
    {
      services: ['a', 'b', 'c', 'd'].map((service) => ({ ...serviceStatus({ service, ...NOTHING }), outage: '3 cordoned' })),
      watchers: [],
    },
    'a has no server in rotation: 3 cordoned',
  ],
  [
    'paths that are not there',
    { watchers: [watcher({ troubled: ['a', 'b'].map((service) => ({ service, why: 'path', detail: '/x' })) })] },
    '2 services WAIT for their paths',
  ],
  [
    'a service that cannot be read',
    { watchers: [watcher({ troubled: [{ service: 'a', why: 'stale', detail: 'NO_AUTH' }] })] },
    '1 service NOT READ at the moment',
  ],
  ['a silent proxy', { proxies: [proxy({ live: false, lastSeen: NOW - 90_000 })] }, 'NOBODY WORKS on proxy edge: not heard of for 90s'],
  ['a proxy of nobody', { proxies: [proxy({ live: false, lastSeen: null })] }, 'NOBODY WORKS on proxy edge'],
  ['a HAProxy out of reach', { proxies: [proxy({ unreachable: 'ENOENT' })] }, 'proxy edge UNREACHABLE'],
])('begins with %s', (_what, changes, first) => {
  expect(line(changes).split(' · ')[0]).toBe(first);
  if (changes.proxies !== undefined) expect(line(changes)).toContain('every backend in sync when last looked at');
});

it('names some of many silent proxies, and counts the rest', () => {
  const proxies = Array.from({ length: 1_000 }, (_, at) => proxy({ proxy: `p${at}`, live: false }));
  expect(line({ proxies })).toContain('NOBODY WORKS on proxy p2: not heard of for 0s · nor on 997 others · ');
});
