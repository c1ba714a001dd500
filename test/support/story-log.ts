/** A story as a log: its events and the snapshots of chosen moments, as an export carries them; without Redis. */
import { Writable } from 'node:stream';
import { writeExport } from '../../cli/log/export-writer.ts';
import { canonical } from '../../shared/model/canonical.ts';
import type { LogItem } from '../../shared/model/log-item.ts';
import type { Story } from './service-events.ts';

/** What is stored of the story as it stands, after its last event. */
export function checkpointItems(story: Story): LogItem[] {
  const { service, instances, addresses } = story.state;
  const there = <T>(all: ReadonlyMap<string, T | null>): [string, string][] =>
    [...all].flatMap(([key, value]) => (value === null ? [] : [[key, canonical(value)]]));
  return [
    { kind: 'checkpoint', cursor: story.logged.at(-1)?.id ?? '0-0', revision: story.logged.length, service: canonical(service) },
    ...there(instances).map(([instance, json]) => ({ kind: 'instance', instance, json }) as const),
    ...there(addresses).map(([address, json]) => ({ kind: 'address', address, json }) as const),
    { kind: 'checkpoint-end' },
  ];
}

/** Events of the story from one moment to another, by their number. */
export function eventItems(story: Story, from: number, to = story.logged.length): LogItem[] {
  return story.logged.slice(from, to).map(({ id, event, source, cause }) => {
    const { type, ...data } = event;
    return { kind: 'event', id, v: 1, type, data, source, cause };
  });
}

/** The items of one service's stream, opened and ended. */
export function streamItems(name: string, items: readonly LogItem[], after = '0-0'): LogItem[] {
  const start = after === '0-0' ? 'beginning' : 'checkpoint';
  return [{ kind: 'stream', of: 'service', name, after, start }, ...items, { kind: 'end' }];
}

export async function exportText(items: readonly LogItem[]): Promise<string> {
  const chunks: Buffer[] = [];
  const out = new Writable({
    write: (chunk: Buffer, _, done) => {
      chunks.push(chunk);
      done();
    },
  });
  await writeExport(asynchronous(items), out, 'test', 1_000);
  return Buffer.concat(chunks).toString('utf8');
}

async function* asynchronous(items: readonly LogItem[]): AsyncGenerator<LogItem> {
  yield* items;
}
