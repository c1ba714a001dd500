/** What hosts register, for people: what is not as it should be first, the rest counted, and nothing of a registration turned against a terminal. */
import { expect, it } from 'vitest';
import { printReport } from '../../cli/status/print-report.ts';
import { type RegistrarStatus, registrarRows, registrarStatus } from '../../cli/status/registrars.ts';
import { STATUS_FORMAT } from '../../cli/status/report.ts';
import type { EntryReport } from '../../shared/model/registrar-report.ts';
import { RegistrarCounts } from '../../workers/registrar/registrar-counts.ts';

const NOW = 1_700_000_000_000;

function entry(port: number, changes: Partial<EntryReport> = {}): EntryReport {
  const instance = `10.0.0.5:${port}`;
  return {
    service: 'web',
    instance,
    znode: `/web/${instance}`,
    state: 'registered',
    since: NOW - 60_000,
    detail: null,
    by: 'host',
    ...changes,
  };
}

function told(id: string, entries: readonly EntryReport[], changes: { at?: number; connected?: boolean } = {}): RegistrarStatus {
  const { at = NOW, connected = true } = changes;
  const [status] = registrarStatus({ id, at, ...new RegistrarCounts().report(entries, { connected, since: NOW - 5_000 }) }, null, NOW);
  if (status === undefined) throw new Error('it is told');
  return status;
}

it('lists few as they are, of many those that are not well', () => {
  const well = Array.from({ length: 20 }, (_, at) => told(`edge-${at}`, [entry(80)]));
  const bad = [
    told('cut', [entry(80)], { connected: false }),
    told('dead', [entry(80)], { at: NOW - 60_000 }),
    told('fails', [entry(80, { state: 'failing' })]),
  ];
  expect(registrarRows(well.slice(0, 3), NOW)).toMatchObject({ note: null, rows: { length: 3 } });
  const { rows, note } = registrarRows([...well, ...bad], NOW);
  expect(rows.map(([name]) => name)).toEqual(['cut', 'dead', 'fails']);
  expect(note).toBe('20 more hosts, whose entries are registered');
  expect(registrarRows(well, NOW)).toEqual({ rows: [], note: '20 more hosts, whose entries are registered' });
});

it('names the first that are not registered, with why, in characters that are safe', () => {
  const entries = [...Array.from({ length: 9 }, (_, at) => entry(80 + at, { state: 'failing', detail: 'no\u001b[2J answer' })), entry(99)];
  const report = { format: STATUS_FORMAT, at: NOW, services: [], instances: [], proxies: [], watchers: [], queues: [] } as const;
  const text = printReport(
    { ...report, registrars: [told('host-7', entries)], rollout: { reloading: [], stopped: [] } },
    { colour: false, only: null },
  );
  expect(text).toContain('9 failing, 1 registered');
  expect(text).toMatch(/web 10\.0\.0\.5:80 failing for 60s: no\S+\[2J answer; web 10\.0\.0\.5:81 .* 10\.0\.0\.5:84 [^;]*; 4 more$/m);
  expect(text).not.toContain('\u001b');
});

it('of a hundred and more, those that are not registered are named first', () => {
  const entries = [...Array.from({ length: 150 }, (_, at) => entry(1_000 + at)), entry(80, { state: 'conflict' })];
  const one = told('host-7', entries);
  expect([one.entries.length, one.more, one.entries[0]?.state, one.states]).toEqual([
    100,
    51,
    'conflict',
    { registered: 150, conflict: 1 },
  ]);
});
