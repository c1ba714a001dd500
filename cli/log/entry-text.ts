/** PURE. An entry of a log as one line for people: what it says, in words. Nothing in it is trusted, so every part is made printable. */
import { isRecord } from '../../shared/model/event-form.ts';
import { eventTime } from '../../shared/model/ids.ts';
import type { Entry } from '../../shared/model/log-item.ts';
import { serverName } from '../../shared/znode/address.ts';
import { printable } from '../printable.ts';

/** Of a list, so many are told. */
const TOLD_MAX = 5;
const LINE_MAX = 2_000;

type Fields = Readonly<Record<string, unknown>>;

/** `time id stream source: type what`, in one line. */
export function entryLine(stream: string, entry: Entry, time: (ms: number) => string): string {
  const said = saysOf(entry.type, isRecord(entry.data) ? entry.data : {});
  const cause = entry.cause === null ? '' : ` (after ${entry.cause})`;
  const text = `${entry.id}  ${stream}  ${entry.source ?? '-'}  ${entry.type}${said === '' ? '' : ` ${said}`}${cause}`;
  return `${time(eventTime(entry.id))}  ${printable(text.length > LINE_MAX ? `${text.slice(0, LINE_MAX)} …` : text)}`;
}

/** Whether the entry is about the instance: it names it, or a znode or a server of that name. */
export function isAbout({ data }: Entry, instance: string): boolean {
  if (!isRecord(data)) return false;
  const { znode, verdicts, commands, results } = data;
  if (data['instance'] === instance || (isRecord(znode) && znode['name'] === instance)) return true;
  if (list(verdicts).some((verdict) => verdict['instance'] === instance)) return true;
  const server = `/${serverName(instance)}`;
  return [...list(commands), ...list(results)].some(({ command }) =>
    text(command)
      .split(' ')
      .some((word) => word.endsWith(server)),
  );
}

function saysOf(type: string, data: Fields): string {
  const { instance, znode, said, verdicts, commands, results, detail, service } = data;
  const where = service === undefined ? '' : `${text(service)} `;
  switch (type) {
    case 'configured':
      return isRecord(data['config']) ? `${text(data['config']['path'])}` : '';
    case 'registered':
    case 'changed':
      return `${text(instance)} ${saidText(said)}${znodeText(znode)}`;
    case 'deregistered':
      return `${text(instance)}${znodeText(znode)}`;
    case 'health':
      return `${text(data['proxy'])}: ${several(list(verdicts).map((one) => `${text(one['instance'])} ${text(one['from'])} -> ${text(one['to'])}${one['detail'] === undefined ? '' : ` (${text(one['detail'])})`}`))}`;
    case 'cordoned':
      return `${text(instance)} by ${text(data['by'])}: ${text(data['reason'])}`;
    case 'uncordoned':
      return text(instance);
    case 'released':
      return `by ${text(data['by'])}: ${text(data['reason'])}`;
    case 'trusted':
      return `by ${text(data['by'])}`;
    case 'backwards':
      return `zxid ${text(data['seen'])} was seen, now it is ${text(data['found'])}`;
    case 'rebuilt':
      return `ALARM: what was stored could not be read: ${text(detail)}`;
    case 'timer':
      return `${text(data['timer'])} ${instance === null ? '' : text(instance)}`.trim();
    case 'patching':
      return `${where}${several(list(commands).map((one) => `${text(one['command'])} [${text(one['reason'])}]`))}`;
    case 'commands':
      return `${where}${several(list(results).map((one) => `${text(one['command'])}: ${text(one['outcome'])} ${text(one['reply'])}`.trim()))}`;
    default:
      return `${where}${text(detail)}`.trim();
  }
}

function saidText(said: unknown): string {
  if (!isRecord(said)) return '';
  const { registration, rejection } = said;
  if (isRecord(registration))
    return [
      `at ${text(registration['address'])} port ${text(registration['port'])} weight ${text(registration['weight'])}`,
      ...(registration['out'] === undefined ? [] : [text(registration['out'])]),
    ].join(', ');
  return isRecord(rejection) ? `refused: ${text(rejection['code'])}, ${text(rejection['detail'])}` : '';
}

function znodeText(znode: unknown): string {
  return isRecord(znode) ? ` (znode ${text(znode['name'])}, zxid ${text(znode['mzxid'])})` : '';
}

function several(items: readonly string[]): string {
  const more = items.length - TOLD_MAX;
  return `${items.slice(0, TOLD_MAX).join('; ')}${more > 0 ? ` and ${more} more` : ''}`;
}

function list(value: unknown): readonly Fields[] {
  return Array.isArray(value) ? value.filter(isRecord) : [];
}

function text(value: unknown): string {
  if (typeof value === 'string') return value;
  return typeof value === 'number' ? String(value) : '';
}
