/**
 * PURE. An export of the event logs, format 1: JSON Lines. A header; stream by stream a line that opens it, its events, one a line and numbered, with
 * checkpoints among them where they stand, and a line that ends it; a trailer. The end lines and the trailer carry a running SHA-256 of every byte
 * before them, so that damage is found, and found near its place.
 */
import type { LogItem } from '../../shared/model/log-item.ts';

export const EXPORT_FORMAT = 1;
/** Bytes of one line: an event about every instance of a large service has some MB. */
export const LINE_MAX = 64 * 1024 * 1024;

export function headerLine(at: number, by: string): string {
  return JSON.stringify({ pointsman: 'event log', v: EXPORT_FORMAT, at, by });
}

/** `stream`: the name and the count of what it is in; `digest`: of everything before. */
export function itemLine(item: LogItem, stream: { readonly name: string; readonly n: number }, digest: () => string): string {
  switch (item.kind) {
    case 'stream':
      return JSON.stringify({ stream: item.of, name: item.name, after: item.after, start: item.start });
    case 'checkpoint':
      return `${checkpointPrefix(item.cursor, item.revision)}${oneLine(item.service)}}`;
    case 'instance':
      return `${instancePrefix(item.instance)}${oneLine(item.json)}}`;
    case 'address':
      return `${addressPrefix(item.address)}${oneLine(item.json)}}`;
    case 'checkpoint-end':
      return JSON.stringify({ checkpointEnd: stream.name });
    case 'event': {
      const { id, v, type, source, cause, data } = item;
      return JSON.stringify({
        id,
        n: stream.n,
        v,
        type,
        ...(source === null ? {} : { source }),
        ...(cause === null ? {} : { cause }),
        data,
      });
    }
    case 'end':
      return JSON.stringify({ endOf: stream.name, events: stream.n, digest: digest() });
  }
}

export function trailerLine(counts: { readonly streams: number; readonly events: number; readonly lines: number }, digest: string): string {
  return JSON.stringify({ trailer: counts, digest });
}

export function checkpointPrefix(cursor: string, revision: number): string {
  return `{"checkpoint":${JSON.stringify(cursor)},"revision":${revision},"service":`;
}

export function instancePrefix(instance: string): string {
  return `{"instance":${JSON.stringify(instance)},"snapshot":`;
}

export function addressPrefix(address: string): string {
  return `{"address":${JSON.stringify(address)},"claim":`;
}

/** What we store has no line feeds; what somebody else stored may. */
function oneLine(json: string): string {
  return /[\r\n]/.test(json) ? JSON.stringify(JSON.parse(json)) : json;
}
