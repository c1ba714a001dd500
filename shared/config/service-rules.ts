/** PURE. The rules across the options of one service: what HAProxy would refuse, or pass over in silence. */
import type { RuleBreach } from './rules.ts';
import type { ServiceSection } from './service-schema.ts';

/** `at`: where the options stand. */
export function serviceOptions(at: RuleBreach['path'], service: Omit<ServiceSection, 'path'>): RuleBreach[] {
  const { check, server, mode, cookie } = service;
  const found: RuleBreach[] = [];
  const breach = (path: readonly string[], what: string, expected: string): void => {
    found.push({ path: [...at, ...path], found: what, expected });
  };
  if (service.endpoint !== undefined && (service.format === 'address' || service.format === 'nerve'))
    breach(['endpoint'], `endpoint with format: ${service.format}`, 'format: serverset, curator or auto');
  if (service.prefer !== undefined && service.fallback !== undefined)
    breach(['fallback'], 'fallback with prefer', 'one of them: HAProxy has one kind of backup server');
  if (service.farWeight !== undefined && service.prefer === undefined)
    breach(['farWeight'], 'farWeight without prefer', 'prefer beside it: the labels of the near ones');
  if (server.options?.includes('backup') === true && service.fallback !== undefined)
    breach(['fallback'], 'fallback with backup among server.options', 'one of them: HAProxy has one kind of backup server');
  if (check !== 'none') {
    for (const key of ['host', 'headers', 'expect'] as const) {
      if (check[key] !== undefined && check.http === undefined)
        breach(['check', key], `${key} without http`, 'http: METHOD /path beside it');
    }
    if (check.expect?.status !== undefined && check.expect.body !== undefined)
      breach(['check', 'expect'], 'a status and a body', 'one of them');
  }
  if (server.tls?.verify === 'required' && server.tls.ca === undefined)
    breach(['server', 'tls'], 'verify: required without ca', 'ca: the CA file, or verify: none');
  if (mode === 'tcp' && server.observe === 'layer7') breach(['server', 'observe'], 'layer7 with mode: tcp', 'layer4, or mode: http');
  if (mode === 'tcp' && cookie !== undefined) breach(['cookie'], 'a cookie with mode: tcp', 'mode: http');
  for (const key of ['errorLimit', 'onError'] as const) {
    if (server[key] !== undefined && server.observe === undefined) breach(['server', key], `${key} without observe`, 'observe beside it');
  }
  if (server.observe !== undefined && check === 'none')
    breach(['server', 'observe'], 'observe with check: none', 'a check: what is taken out comes back by it');
  if (service.extra?.frontend !== undefined && service.listen === undefined)
    breach(['extra', 'frontend'], 'lines for a frontend without listen', 'listen: the address of the frontend');
  return found;
}
