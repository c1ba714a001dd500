/** Which children of a root are services, and the config of `discover`. */
import { describe, expect, it } from 'vitest';
import { type DiscoverConfig, discoveredServices } from '../../shared/model/discover.ts';
import { pathText } from '../../shared/model/service-path.ts';
import { configOf, LEAST, problemsOf } from '../support/config-text.ts';
import { serviceConfig } from '../support/render-input.ts';

const { name: _name, path: _path, listen: _listen, ...like } = serviceConfig({});
const ROOT: DiscoverConfig = { root: '/s', children: 'i', host: '{service}.local', like, maxServices: 3 };

function found(
  names: readonly string[],
  before: readonly string[] = [],
  configured = [serviceConfig({ name: 'mine', path: '/mine', host: 'taken.local' })],
) {
  const { services, refused } = discoveredServices([{ discover: ROOT, names }], { configured, before: new Set(before), root: '/s/own' });
  return {
    services: services.map(({ name, path, host }) => `${name} ${pathText(path)} ${host}`),
    refused: refused.map(({ name, reason }) => `${name}: ${reason}`),
  };
}

describe('children', () => {
  it('are services by name, with a path and a host', () => {
    expect(found(['b', 'A_1'])).toEqual({ services: ['A_1 /s/A_1/i a_1.local', 'b /s/b/i b.local'], refused: [] });
  });

  it('that a configured service has by name or path are its own', () => {
    const configured = [serviceConfig({ name: 'b', path: '/x' }), serviceConfig({ name: 'x', path: '/s/c/i' })];
    expect(found(['a', 'b', 'c'], [], configured)).toEqual({ services: ['a /s/a/i a.local'], refused: [] });
  });

  it('are refused one by one', () => {
    expect(found(['a b', '..', 'a-', 'own', 'taken', 'x', 'X', 'é']).refused).toEqual([
      '..: ...local is no host name',
      'a b: its name is no name of a service: 1 to 64 letters, digits, `_`, `.`, `-`',
      'a-: a-.local is no host name',
      "own: it holds pointsman's own znodes",
      'taken: its host taken.local is that of service mine',
      'x: its host x.local is that of service X',
      'é: its name is no name of a service: 1 to 64 letters, digits, `_`, `.`, `-`',
    ]);
  });

  it('that were there before keep their place when there are too many', () => {
    const names = ['a', 'b', 'c', 'd', 'e'];
    expect(found(names, ['d', 'e']).services.map((one) => one[0])).toEqual(['d', 'e', 'a']);
    expect(found(names, ['d', 'e']).refused).toEqual(['b: there are more than maxServices (3)', 'c: there are more than maxServices (3)']);
  });
});

describe('the config', () => {
  it('of discover has the keys of a service below like, with their defaults', () => {
    const { discover } = configOf(`${LEAST}discover: [{ root: /s, host: "{service}.Local", like: { check: none } }]\n`);
    expect(discover).toMatchObject([{ root: '/s', children: null, host: '{service}.local', maxServices: 500 }]);
    expect(discover[0]?.like).toMatchObject({ mode: 'http', balance: 'roundrobin', check: { type: 'none' }, drainTimeout: 30_000 });
    expect(discover[0]?.like).not.toHaveProperty('listen');
  });

  it.each([
    ['{ root: / }', 'discover.0.root'],
    ['{ root: /s, host: web.local }', 'discover.0.host'],
    ['{ root: /s, host: "{service}/x" }', 'discover.0.host'],
    ['{ root: /s, children: a/b }', 'discover.0.children'],
    ['{ root: /s, like: { path: /x } }', 'discover.0.like.path'],
    ['{ root: /s, like: { listen: "*:1" } }', 'discover.0.like.listen'],
    ['{ root: /s, like: { check: { http: GET /, tcp: true } } }', 'discover.0.like.check'],
    ['{ root: /s, like: { mode: tcp, cookie: { name: a } } }', 'discover.0.like.cookie'],
    ['{ root: /s, host: "{service}.a", like: { mode: tcp } }', 'discover.0.host'],
    ['{ root: /s }, { root: /s }', 'discover.1.root'],
  ])('refuses %s', (entries, key) => {
    expect(problemsOf(`${LEAST}discover: [${entries}]\n`).map((problem) => problem.key)).toEqual([key]);
  });
});
