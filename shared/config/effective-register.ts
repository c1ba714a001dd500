/** PURE. An entry of `register` as the program runs it. */
import type { CheckTls, Probe, RegisterCheck, RegisterConfig, RegisterTerms } from '../model/register.ts';
import { checksOf, kindsOf, REGISTER_TTL, type RegisterCheckSection, type RegisterSection } from './register-schema.ts';

type Range = readonly [from: number, to: number];
const GOOD: readonly Range[] = [[200, 399]];

export function registerConfig(section: RegisterSection): RegisterConfig {
  const { service, path, address, format, id = null, weight = null, labels = {}, options = {}, acl, drain, warmUp = null } = section;
  return {
    service,
    path,
    ...address,
    format,
    id,
    weight,
    labels,
    options: Object.fromEntries(Object.entries(options).filter(([, asked]) => asked !== undefined)),
    access: acl,
    drain,
    warmUp,
    checks: checksOf(section).map((check) => checkOf(check, address)),
    terms: section.by === 'host' ? null : termsOf(section),
  };
}

function termsOf(section: RegisterSection): RegisterTerms {
  const { ttl = REGISTER_TTL, allow = {}, weight = 1 } = section;
  const { ttl: ttlMax = ttl, ports = null, weight: weightMax = weight, labels = [] } = allow;
  return {
    ttl,
    ttlMax,
    ports,
    weightMax,
    labels,
    ownPort: checksOf(section).map(({ port, exec }) => port === undefined && exec === undefined),
  };
}

function checkOf(check: RegisterCheckSection, own: { readonly host: string; readonly port: number }): RegisterCheck {
  const { interval, timeout, rise, fall } = check;
  return { interval, timeout, rise, fall, probe: probeOf(check, { host: check.address ?? own.host, port: check.port ?? own.port }) };
}

function probeOf(check: RegisterCheckSection, target: { readonly host: string; readonly port: number }): Probe {
  const { http = { method: 'GET', path: '/' }, grpc, exec, auth, expect, host, headers = {} } = check;
  const [kind = 'tcp'] = kindsOf(check);
  switch (kind) {
    case 'http': {
      const all = host === undefined ? headers : { host, ...headers };
      const statuses = expect === undefined ? GOOD : rangesOf(expect.status);
      return {
        type: 'http',
        ...target,
        ...http,
        headers: all,
        tls: tlsOf(check),
        statuses,
        body: expect?.body ?? null,
      };
    }
    case 'redis':
      return {
        type: 'redis',
        ...target,
        credentials: auth === undefined ? [] : [...(auth.user === undefined ? [] : [auth.user]), auth.password],
      };
    case 'grpc':
      return { type: 'grpc', ...target, service: typeof grpc === 'string' ? grpc : '', tls: tlsOf(check) };
    case 'exec':
      return { type: 'exec', argv: exec ?? [] };
    case 'tcp':
      return { type: 'tcp', ...target };
  }
}

function tlsOf({ tls }: RegisterCheckSection): CheckTls {
  return tls === undefined ? null : { verify: tls.verify === 'required', ca: tls.ca ?? null, serverName: tls.serverName ?? null };
}

function rangesOf(codes: string): readonly Range[] {
  return codes.split(',').map((part): Range => {
    const [from = '', to = from] = part.split('-');
    return [Number(from), Number(to)];
  });
}
