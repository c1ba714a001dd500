/** What backends are made from at runtime, and how what was made is read. */
import { describe, expect, it } from 'vitest';
import { parseMade, parseMadeOne } from '../../shared/haproxy/parse-made.ts';
import { managedFiles } from '../../shared/haproxy/render-managed.ts';
import { renderShapes, SHAPES_FILE, shapeOf } from '../../shared/haproxy/render-shapes.ts';
import type { ServiceConfig } from '../../shared/model/service-config.ts';
import { DEFAULTS, proxyConfig, serviceConfig } from '../support/render-input.ts';

const reached = (differs: Partial<ServiceConfig> = {}): ServiceConfig => serviceConfig({ host: 'a.local', ...differs });
const checked = reached({
  name: 'b',
  host: 'b.local',
  check: { type: 'http', method: 'GET', path: '/h', interval: 1_000, rise: 1, fall: 1 },
});

describe('a shape', () => {
  it('is one for services that differ in their name, path, host, servers and what commands change', () => {
    const other = reached({ name: 'x', path: '/x', host: 'x.local', drainTimeout: 1, warmUp: 5, server: { maxConn: 7 } });
    expect(shapeOf(other, DEFAULTS)).toBe(shapeOf(reached(), DEFAULTS));
    expect(shapeOf(checked, DEFAULTS)).not.toBe(shapeOf(reached(), DEFAULTS));
    expect(shapeOf(reached(), { ...DEFAULTS, retries: 9 })).not.toBe(shapeOf(reached(), DEFAULTS));
  });

  it.each<[string, Partial<ServiceConfig>]>([
    ['a listener', { listen: '127.0.0.1:1' }],
    ['mode tcp', { mode: 'tcp' }],
    ['a cookie', { cookie: { name: 'A' } }],
    ['fallback servers', { fallback: ['10.0.0.1:1'] }],
    ['lines of its own', { extra: { backend: ['option x'] } }],
    ['files of TLS', { server: { maxConn: null, tls: { verify: 'required', ca: '/ca.pem' } } }],
  ])('is there for none with %s', (_, differs) => {
    expect(shapeOf(reached(differs), DEFAULTS)).toBeNull();
  });

  it('is there for none that the shared frontend does not reach', () => {
    expect(shapeOf(serviceConfig({}), DEFAULTS)).toBeNull();
  });

  it('is a defaults section, each once and in order, without a log line', () => {
    const text = renderShapes([checked, reached(), reached({ name: 'c', host: 'c.local' })], DEFAULTS);
    const sections = text.split('\n').filter((line) => line.startsWith('defaults '));
    expect(sections).toEqual([`defaults ${shapeOf(reached(), DEFAULTS)}`, `defaults ${shapeOf(checked, DEFAULTS)}`].sort());
    expect(text).toContain('    option httpchk GET /h\n');
    expect(text).not.toMatch(/^\s*(log|option httplog)\b/m);
  });

  it('is there before the first service that is found, where there is a shared frontend', () => {
    const { name: _name, path: _path, ...like } = checked;
    const files = managedFiles({ prefix: 'p', proxy: proxyConfig({ http: { listen: '127.0.0.1:1', likes: [like] } }), services: [] });
    expect(files.get(SHAPES_FILE)).toContain(`defaults ${shapeOf(checked, DEFAULTS)}\n`);
    expect(managedFiles({ prefix: 'p', proxy: proxyConfig({}), services: [] }).has(SHAPES_FILE)).toBe(false);
  });
});

describe('what was made', () => {
  it('is read as HAProxy 3.4 tells it', () => {
    const text = '0x7f6854060ad0 n1 abc.def\n0x7f6854060ad1 n-2 0a.1b\n';
    expect([...parseMade(text)]).toEqual([
      ['n1', { structure: 'abc', form: 'def', owner: null }],
      ['n-2', { structure: '0a', form: '1b', owner: null }],
    ]);
    expect(parseMadeOne('type=str, case=sensitive, found=yes, idx=tree, key="n1", value="abc.def", type="str"\n')).toEqual({
      structure: 'abc',
      form: 'def',
      owner: null,
    });
    expect(parseMadeOne('type=str, case=sensitive, found=no\n')).toBeNull();
  });

  it('is nothing to versions that have no such map', () => {
    const unknown = '[3]: Unknown map identifier. Please use #<id> or <file>.\n';
    expect([parseMade(unknown).size, parseMadeOne(unknown)]).toEqual([0, null]);
  });

  it('is not known where HAProxy refuses to tell', () => {
    const denied = '[3]: Permission denied\n';
    expect(() => parseMade(denied)).toThrow(/cannot read HAProxy's `map virt@pointsman-made`: Permission denied/);
    expect(() => parseMadeOne(denied)).toThrow(/Permission denied/);
  });
});
