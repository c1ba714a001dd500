/** A story as a log: its events and the snapshots of chosen moments, as an export carries them; without Redis. */
import { Writable } from 'node:stream';
import { ExportParser } from '../../cli/log/export-parser.ts';
import { writeExport } from '../../cli/log/export-writer.ts';
import { FoldItems } from '../../cli/replay/fold-items.ts';
import { canonical } from '../../shared/model/canonical.ts';
import type { Logged, ServiceEvent } from '../../shared/model/event.ts';
import type { LogItem } from '../../shared/model/log-item.ts';
import type { Story } from './service-events.ts';

/** What is stored of a service, canonical JSON each. */
export interface StoredService {
  readonly service: string;
  readonly instances: ReadonlyMap<string, string>;
  readonly addresses: ReadonlyMap<string, string>;
}

/** What is stored of the story as it stands, after its last event. */
export function checkpointItems(story: Story): LogItem[] {
  const { service, instances, addresses } = story.state;
  const there = <T>(all: ReadonlyMap<string, T | null>): Map<string, string> =>
    new Map([...all].flatMap(([key, value]) => (value === null ? [] : [[key, canonical(value)]])));
  return storedItems(story.logged, { service: canonical(service), instances: there(instances), addresses: there(addresses) });
}

/** What is stored after the last of these events. */
export function storedItems(logged: readonly Logged<ServiceEvent>[], { service, instances, addresses }: StoredService): LogItem[] {
  return [
    { kind: 'checkpoint', cursor: logged.at(-1)?.id ?? '0-0', revision: logged.length, service },
    ...[...instances].map(([instance, json]) => ({ kind: 'instance', instance, json }) as const),
    ...[...addresses].map(([address, json]) => ({ kind: 'address', address, json }) as const),
    { kind: 'checkpoint-end' },
  ];
}

/** Events from one moment to another, by their number. */
export function eventItems({ logged }: { readonly logged: readonly Logged<ServiceEvent>[] }, from: number, to = logged.length): LogItem[] {
  return logged.slice(from, to).map(({ id, event, source, cause }) => {
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

/** An export, read and folded. What is bad in it throws. */
export function foldedText(text: string, verify = true): FoldItems {
  const parser = new ExportParser('run', false);
  const request = { service: null, until: null, verify, skipBad: false, states: false, transitions: true };
  const folding = new FoldItems(
    request,
    () => true,
    (reason) => {
      throw new Error(reason);
    },
  );
  for (const line of text.trimEnd().split('\n')) {
    const item = parser.push(Buffer.from(line));
    if (item !== null) folding.accept(item);
  }
  parser.finish();
  return folding;
}
