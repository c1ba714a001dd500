/**
 * PURE. Reads an export line by line and believes nothing: form, order, numbers, counts and digests are compared. What is wrong is refused with its line,
 * or, where that is asked for, left out and counted.
 */
import { createHash } from 'node:crypto';
import { PointsmanError } from '../../shared/errors.ts';
import { isRecord } from '../../shared/model/event-form.ts';
import { compareEventIds, type EventId, isName } from '../../shared/model/ids.ts';
import type { LogItem } from '../../shared/model/log-item.ts';
import { DefectList, type Defects, shortly } from './defects.ts';
import { Defect, type Fields, isEventId, isTextOrNull, parsed, rest } from './export-fields.ts';
import { addressPrefix, checkpointPrefix, EXPORT_FORMAT, instancePrefix } from './export-format.ts';

const STREAMS_MAX = 1_000_000;
const NAME_MAX = 1_024;
const LINE_END = Buffer.from('\n');
/** How the lines begin that say nothing of where a stream begins or ends. */
const INSIDE = ['{"id":', '{"instance":', '{"address":'].map((start) => Buffer.from(start));

interface Stream {
  readonly name: string;
  readonly of: 'service' | 'proxy';
  last: EventId;
  n: number;
  inCheckpoint: boolean;
}

export class ExportParser {
  readonly #file: string;
  readonly #skipBad: boolean;
  readonly #again: ((service: string) => boolean) | null;
  readonly #hash = createHash('sha256');
  readonly #names = new Set<string>();
  #line = 0;
  #events = 0;
  #stream: Stream | null = null;
  #begun = false;
  #ended = false;
  /** A digest runs on: what one changed line does to all that follow is told once. */
  #digestTold = false;
  readonly #defects = new DefectList();

  /**
   * `skipBad`: what is wrong is left out and counted. `file`: named in errors. `again`: the file has been read through before, and only these services
   * are wanted of it now; what lies in other streams is passed over, and counts and digests are not compared once more.
   */
  constructor(file: string, skipBad: boolean, again: ((service: string) => boolean) | null = null) {
    this.#file = file;
    this.#skipBad = skipBad;
    this.#again = again;
  }

  /** Of the line that was read last, from 1. */
  get line(): number {
    return this.#line;
  }

  get events(): number {
    return this.#events;
  }

  /** Whether what is read has been looked at before, and nothing of it is bad. */
  get isKnownGood(): boolean {
    return this.#again !== null && !this.#skipBad;
  }

  get defects(): Defects {
    return this.#defects.all;
  }

  /** The line's item; null: it has none for the reader, or was left out. `bytes` are without the line feed. @throws PointsmanError EXPORT_INVALID */
  push(bytes: Buffer): LogItem | null {
    this.#line += 1;
    if (this.#isPassedOver(bytes)) return null;
    try {
      return this.#read(bytes);
    } catch (error) {
      if (!(error instanceof Defect)) throw error;
      this.defect(error.message);
      return null;
    } finally {
      if (this.#again === null) this.#hash.update(bytes).update(LINE_END);
    }
  }

  /** @throws PointsmanError EXPORT_INVALID: the end is missing. */
  finish(): void {
    if (!this.#begun) throw this.#invalid('it is empty');
    this.#line += 1;
    if (!this.#ended) this.#note('it ends here without its trailer: it was cut off');
  }

  /** Something is wrong with the present line. @throws PointsmanError EXPORT_INVALID, unless it is to be left out. */
  defect(reason: string): void {
    if (!this.#skipBad) throw this.#invalid(reason);
    this.#defects.leftOut(this.#line, reason);
  }

  #note(reason: string): void {
    if (!this.#skipBad) throw this.#invalid(reason);
    this.#defects.note(this.#line, reason);
  }

  #isPassedOver(bytes: Buffer): boolean {
    if (this.#again === null || this.#stream === null) return false;
    if (this.#stream.of === 'service' && this.#again(this.#stream.name)) return false;
    return INSIDE.some((start) => bytes.length > start.length && bytes.compare(start, 0, start.length, 0, start.length) === 0);
  }

  #read(bytes: Buffer): LogItem | null {
    const text = bytes.toString('utf8');
    const fields = parsed(text);
    if (!this.#begun) return this.#header(fields);
    if (fields === null) throw new Defect('it is no JSON object');
    if (this.#ended) throw new Defect('something follows the trailer: there is more than one export');
    if ('id' in fields) return this.#event(fields);
    if ('instance' in fields) return { kind: 'instance', ...this.#inside(text, fields, 'instance', instancePrefix) };
    if ('address' in fields) return { kind: 'address', ...this.#inside(text, fields, 'address', addressPrefix) };
    if ('checkpoint' in fields) return this.#checkpoint(text, fields);
    if ('checkpointEnd' in fields) return this.#checkpointEnd();
    if ('stream' in fields) return this.#open(fields);
    if ('endOf' in fields) return this.#end(fields);
    if ('trailer' in fields) return this.#trailer(fields);
    throw new Defect('it is none of the lines that an export has');
  }

  /** Without one there is nothing to repair. */
  #header(fields: Fields | null): null {
    if (fields?.['pointsman'] !== 'event log') throw this.#invalid('it is no export of an event log');
    if (fields['v'] !== EXPORT_FORMAT)
      throw this.#invalid(`its format is ${JSON.stringify(fields['v'])}, this version reads ${EXPORT_FORMAT}`);
    this.#begun = true;
    return null;
  }

  #open({ stream: of, name, after, start }: Fields): LogItem {
    if (of !== 'service' && of !== 'proxy') throw new Defect('it opens a stream of a kind that is not known');
    if (typeof name !== 'string' || !isName(name)) throw new Defect('the name of the stream is none');
    if (!isEventId(after)) throw new Defect('`after` is no event id');
    if (start !== 'beginning' && start !== 'checkpoint' && start !== 'none') throw new Defect('`start` is not known');
    const key = `${of} ${name}`;
    if (this.#names.has(key)) throw new Defect(`the ${key} is there twice`);
    if (this.#names.size >= STREAMS_MAX) throw new Defect(`it has more than ${STREAMS_MAX} streams`);
    if (this.#stream !== null) this.#note(`the ${this.#stream.of} ${this.#stream.name} has no end`);
    this.#names.add(key);
    this.#stream = { name, of, last: after, n: 0, inCheckpoint: false };
    return { kind: 'stream', of, name, after, start };
  }

  #event({ id, n, v, type, data, source = null, cause = null }: Fields): LogItem {
    const stream = this.#current();
    if (!isEventId(id)) throw new Defect('its id is none of an event');
    if (typeof n !== 'number' || typeof v !== 'number' || typeof type !== 'string') throw new Defect('it is no event');
    if (!isRecord(data) || !isTextOrNull(source) || !isTextOrNull(cause)) throw new Defect('it is no event');
    if (stream.inCheckpoint) throw new Defect('it is an event inside a checkpoint');
    if (id === stream.last) throw new Defect(`event ${id} is there twice`);
    if (compareEventIds(id, stream.last) < 0)
      throw new Defect(`event ${id} stands behind ${stream.last}: events were reordered or doubled`);
    if (n <= stream.n) throw new Defect(`event ${id} has number ${n} behind number ${stream.n}`);
    if (n !== stream.n + 1)
      this.#note(n === stream.n + 2 ? `event ${stream.n + 1} is missing` : `events ${stream.n + 1} to ${n - 1} are missing`);
    stream.n = n;
    stream.last = id;
    this.#events += 1;
    return { kind: 'event', id, v, type, data, source, cause };
  }

  #checkpoint(text: string, { checkpoint: cursor, revision, service }: Fields): LogItem {
    const stream = this.#current();
    if (!isEventId(cursor)) throw new Defect('the cursor of the checkpoint is no event id');
    if (typeof revision !== 'number' || !isRecord(service) || stream.of !== 'service') throw new Defect('it is no checkpoint');
    if (compareEventIds(cursor, stream.last) < 0) throw new Defect(`the checkpoint of ${cursor} stands behind event ${stream.last}`);
    if (stream.inCheckpoint) this.#note('a checkpoint has no end');
    stream.inCheckpoint = true;
    return { kind: 'checkpoint', cursor, revision, service: rest(text, checkpointPrefix(cursor, revision)) };
  }

  #checkpointEnd(): LogItem {
    const stream = this.#current();
    if (!stream.inCheckpoint) throw new Defect('it ends a checkpoint where there is none');
    stream.inCheckpoint = false;
    return { kind: 'checkpoint-end' };
  }

  #inside<K extends 'instance' | 'address'>(
    text: string,
    fields: Fields,
    key: K,
    prefix: (name: string) => string,
  ): Record<K | 'json', string> {
    const name = fields[key];
    if (!this.#current().inCheckpoint) throw new Defect(`it is an ${key} outside of a checkpoint`);
    if (typeof name !== 'string' || name.length > NAME_MAX) throw new Defect(`the ${key} has no name`);
    return { [key]: name, json: rest(text, prefix(name)) } as Record<K | 'json', string>;
  }

  #end({ endOf, events, digest }: Fields): LogItem {
    const stream = this.#current();
    if (endOf !== stream.name) throw new Defect(`it ends ${JSON.stringify(endOf)} where ${stream.name} stands`);
    this.#stream = null;
    if (stream.inCheckpoint) this.#note('a checkpoint has no end');
    if (this.#again === null && events !== stream.n)
      this.#note(`${stream.name} has ${stream.n} events, it should have ${JSON.stringify(events)}`);
    this.#compare(digest, `something in or before the ${stream.of} ${stream.name} was changed: its digest is another one`);
    return { kind: 'end' };
  }

  #trailer({ trailer, digest }: Fields): null {
    if (!isRecord(trailer)) throw new Defect('it is no trailer');
    if (this.#stream !== null) this.#note(`the ${this.#stream.of} ${this.#stream.name} has no end`);
    this.#ended = true;
    const { streams, events, lines } = trailer;
    if (this.#again !== null) return null;
    if (streams !== this.#names.size || events !== this.#events || lines !== this.#line)
      this.#note('the counts of the trailer are not those of the file: something is missing or doubled');
    this.#compare(digest, 'something was changed: the digest of the whole is another one');
    return null;
  }

  #compare(digest: unknown, reason: string): void {
    if (this.#again !== null || this.#digestTold || digest === this.#hash.copy().digest('hex')) return;
    this.#digestTold = true;
    this.#note(reason);
  }

  #current(): Stream {
    if (this.#stream === null) throw new Defect('it belongs to no stream');
    return this.#stream;
  }

  #invalid(reason: string): PointsmanError {
    return new PointsmanError('EXPORT_INVALID', `${this.#file}:${Math.max(1, this.#line)}: ${shortly(reason)}`, {
      hint: 'take the export again, or leave out what is bad with --skip-bad',
      retry: 'terminal',
    });
  }
}
