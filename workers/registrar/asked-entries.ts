/** PURE. What the config lets a service register of what it asks for: each entry of it that fits, with what it said otherwise. */
import { registerLabels } from '../../shared/config/register-schema.ts';
import { PointsmanError } from '../../shared/errors.ts';
import type { Probe, RegisterConfig, RegisterTerms } from '../../shared/model/register.ts';
import { instanceOf } from '../../shared/znode/address.ts';
import { escapeText } from '../../shared/znode/escape.ts';
import type { Ask } from './ask.ts';

export interface AskedEntries {
  readonly instance: string;
  /** ms */
  readonly ttl: number;
  /** At least one. */
  readonly entries: readonly RegisterConfig[];
}

type Open = RegisterConfig & { readonly terms: RegisterTerms };

/**
 * An ask without an address is for the one that the entries have. With one it counts for every entry that admits it.
 * @throws PointsmanError SERVICE_UNKNOWN, REQUEST_NOT_ALLOWED, REQUEST_INVALID: the entries have several addresses, and it says none.
 */
export function askedEntries(register: readonly RegisterConfig[], ask: Ask): AskedEntries {
  const ofService = register.filter(isOpen).filter(({ service }) => service === ask.service);
  if (ofService.length === 0) {
    const known = register.some(({ service }) => service === ask.service)
      ? 'only this host registers it'
      : 'this config has no such service';
    throw new PointsmanError('SERVICE_UNKNOWN', `${ask.service} cannot register itself: ${known}`, {
      hint: 'add an entry of it with `by: service` under `register` in the config of this host',
      retry: 'after',
    });
  }
  const found = ofService.filter(
    (entry) => (ask.path === null || ask.path === entry.path) && (ask.format === null || ask.format === entry.format),
  );
  if (found.length === 0)
    throw notAllowed(
      `no entry of ${ask.service} is below ${ask.path ?? 'any path'} in the format ${ask.format ?? 'it has'}`,
      'leave path and format to the config',
    );
  const { host, port } = addressOf(found, ask);
  const instance = instanceOf(host, port);
  const fitting = found.filter((entry) => entry.host === host && hasPort(entry, port));
  if (fitting.length === 0)
    throw notAllowed(
      `${escapeText(instance)} is no address of ${ask.service}`,
      `an entry must have it, or allow its port: there are ${named(found)}`,
    );
  // One request counts for all of them: no longer than any of them has it.
  const ttl = ask.ttl ?? Math.min(...fitting.map(({ terms }) => terms.ttl));
  return { instance, ttl, entries: fitting.map((entry) => withAsk(entry, ask, port)) };
}

function isOpen(entry: RegisterConfig): entry is Open {
  return entry.terms !== null;
}

function addressOf(entries: readonly Open[], ask: Ask): { readonly host: string; readonly port: number } {
  const hosts = new Set(entries.map(({ host }) => host));
  const [only] = entries;
  const several = ask.port === null && new Set(entries.map(({ instance }) => instance)).size > 1;
  if (only === undefined || several || (ask.host === null && hosts.size > 1)) {
    throw new PointsmanError('REQUEST_INVALID', `${ask.service} has several addresses here, and the request names none`, {
      hint: `expected address, one of ${named(entries)}`,
      retry: 'terminal',
    });
  }
  return { host: ask.host ?? only.host, port: ask.port ?? only.port };
}

function hasPort({ port: own, terms: { ports } }: Open, port: number): boolean {
  return port === own || (ports !== null && port >= ports[0] && port <= ports[1]);
}

function named(entries: readonly Open[]): string {
  const texts = entries.map(({ instance, terms: { ports } }) => (ports === null ? instance : `${instance} (ports ${ports.join('-')})`));
  return [...new Set(texts)].slice(0, 5).join(', ');
}

function withAsk(entry: Open, ask: Ask, port: number): RegisterConfig {
  const { terms, labels, format } = entry;
  if (ask.ttl !== null && ask.ttl > terms.ttlMax)
    throw notAllowed(`a ttl of ${ask.ttl} ms of ${ask.service}`, `at most ${terms.ttlMax} ms; allow.ttl raises it`);
  const weight = ask.weight ?? entry.weight;
  if (ask.weight !== null && format === 'serverset' && ask.weight !== 1)
    throw notAllowed(`weight ${weight} in a serverset`, 'a serverset has no weights of its members');
  if (ask.weight !== null && ask.weight > terms.weightMax)
    throw notAllowed(`weight ${weight} of ${ask.service}`, `at most ${terms.weightMax}; allow.weight raises it`);
  for (const [name, text] of Object.entries(ask.labels)) {
    if (Object.hasOwn(labels, name) ? labels[name] !== text : !terms.labels.includes(name))
      throw notAllowed(`the label ${escapeText(name)} of ${ask.service}`, 'allow.labels names those that a service may set');
  }
  const all = { ...labels, ...ask.labels };
  if (!registerLabels.safeParse(all).success) throw notAllowed(`so many labels of ${ask.service}`, 'fewer, or shorter ones');
  const checks = entry.checks.map((check, at) => (terms.ownPort[at] === true ? { ...check, probe: atPort(check.probe, port) } : check));
  return { ...entry, port, instance: instanceOf(entry.host, port), weight, labels: all, checks, terms: null };
}

function atPort(probe: Probe, port: number): Probe {
  return probe.type === 'exec' ? probe : { ...probe, port };
}

function notAllowed(what: string, hint: string): PointsmanError {
  return new PointsmanError('REQUEST_NOT_ALLOWED', `the config does not allow ${what}`, { hint, retry: 'after' });
}
