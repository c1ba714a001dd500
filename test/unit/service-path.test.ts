/** Several paths of a service: what may be configured, how their znodes are named, and what stays as it was with one path. */
import { describe, expect, it } from 'vitest';
import { namedInstance } from '../../cli/instance-name.ts';
import { formatProblem } from '../../shared/config/problem.ts';
import { canonical } from '../../shared/model/canonical.ts';
import { discoveredServices } from '../../shared/model/discover.ts';
import { isSameRead, meant, parentOf, pathText, type ServicePath, znodeName, znodePath } from '../../shared/model/service-path.ts';
import { renaming } from '../../shared/znode/renaming.ts';
import type { ViewEntry } from '../../shared/znode/view.ts';
import type { Ports } from '../../workers/app.ts';
import { configOf, LEAST, problemsOf } from '../support/config-text.ts';

const service = (path: string): string => `${LEAST}services:\n  web: { path: ${path} }\n`;
const configured = (path: string): ServicePath | undefined => configOf(service(path)).services[0]?.path;
const told = (path: string): string[] => problemsOf(service(path)).map((problem) => formatProblem(problem).replace(/^.*?:\d+:\d+ /, ''));

describe('the config', () => {
  it('has one path as it always had, and several as they are written', () => {
    expect(configured('/a')).toBe('/a');
    expect(configured('{ first: [/b, /a, /c] }')).toEqual({ first: ['/b', '/a', '/c'] });
    // Their order says nothing.
    expect(configured('{ union: [/b, /a] }')).toEqual({ union: ['/a', '/b'] });
  });

  it.each([
    ['{ union: [/a] }', 'services.web.path.union: found a list, expected a list of 2 to 8 entries'],
    ['{ first: [/1, /2, /3, /4, /5, /6, /7, /8, /9] }', 'services.web.path.first: found a list, expected a list of 2 to 8 entries'],
    ['{ first: [/a, /a] }', 'services.web.path.first.1: found "/a", expected each path once'],
    [
      '{ first: [/a/b, /c, /a] }',
      'services.web.path.first.0: found "/a/b", expected a path that is not below /a, whose children are read too',
    ],
    ['{ first: [/a, b] }', 'services.web.path.first.1: found "b", expected the path of a znode'],
    ['{ first: [/a, /b], union: [/a, /b] }', 'services.web.path: found a map, expected the path of a znode'],
    ['{}', 'services.web.path: found a map, expected the path of a znode'],
    ['[/a, /b]', 'services.web.path: found a list, expected the path of a znode'],
  ])('refuses %s', (path, expected) => {
    expect(told(path)).toEqual([expect.stringContaining(expected)]);
  });

  it('suggests the key that was meant', () => {
    expect(told('{ frist: [/a, /b] }').at(-1)).toContain('expected one of union, first (did you mean first?)');
  });

  it('keeps discovered services from the paths of configured ones', () => {
    const config = configOf(`${service('{ union: [/s/a, /t/b] }')}discover:\n  - { root: /s }\n`);
    const [discover] = config.discover;
    const found = discoveredServices(discover === undefined ? [] : [{ discover, names: ['a', 'c'] }], {
      configured: config.services,
      before: new Set(),
      root: '/pointsman',
    });
    expect(found.services.map(({ name }) => name)).toEqual(['c']);
  });
});

describe('the name of a znode', () => {
  const [one, several] = ['/a', { first: ['/a', '/b/c'] }] as const satisfies ServicePath[];

  it('is its own below one path, and its whole path below several', () => {
    expect([znodeName(one, '/a', 'x'), znodeName(several, '/b/c', 'x')]).toEqual(['x', '/b/c/x']);
    expect([znodePath(one, 'x'), znodePath(several, '/b/c/x'), znodePath(one, '/b/c/x'), znodePath(null, 'x')]).toEqual([
      '/a/x',
      '/b/c/x',
      '/b/c/x',
      'x',
    ]);
    expect([
      parentOf(one, 'x'),
      parentOf(one, '/a/x'),
      parentOf(several, '/b/c/x'),
      parentOf(several, '/b/x'),
      parentOf(several, 'x'),
    ]).toEqual(['/a', null, '/b/c', null, null]);
    expect([pathText(one), pathText(several), pathText({ union: ['/a', '/b'] })]).toEqual(['/a', 'the first of /a, /b/c', 'all of /a, /b']);
  });

  it('may be said without its path', () => {
    const known = ['/a/x', '/b/c/x', '/b/c/y', 'z'];
    expect([meant('x', known), meant('/b/c/x', known), meant('z', known), meant('c/y', known), meant('', known)]).toEqual([
      ['/a/x', '/b/c/x'],
      ['/b/c/x'],
      ['z'],
      ['/b/c/y'],
      [],
    ]);
  });

  it('needs no other watch when only the order of paths is another', () => {
    expect(isSameRead(several, { union: ['/b/c', '/a'] })).toBe(true);
    expect([isSameRead(several, { first: ['/a', '/d'] }), isSameRead(several, one), isSameRead(one, '/b')]).toEqual([false, false, false]);
  });

  it('is another one behind a change from one path to several, and what it takes the place of went', () => {
    const entry = (czxid: string, instance: string): ViewEntry => ({ czxid, mzxid: czxid, version: 0, instance });
    const view = new Map([
      ['x', entry('5', 'X')],
      ['y', entry('6', 'Y')],
      ['/a/x', entry('1', 'old')],
      ['/b/c/z', entry('7', 'Z')],
    ]);
    const made = renaming(view, one, several);
    expect([...(made?.view ?? [])].map(([name, { instance }]) => `${name} ${instance}`)).toEqual(['/a/x X', '/b/c/z Z', '/a/y Y']);
    expect(made?.remove).toEqual(['x', 'y']);
    expect(made?.events).toEqual([{ type: 'deregistered', instance: 'old', znode: { name: '/a/x', czxid: '1', mzxid: '1', version: 0 } }]);
    expect([renaming(view, several, one), renaming(view, one, '/b'), renaming(view, null, several)]).toEqual([null, null, null]);
  });
});

describe('an operator', () => {
  const children = new Map(['/a/x', '/b/x', '/b/y'].map((name, index) => [name, { instance: `10.0.0.${index}:80` }]));
  const ports = {
    log: { services: async () => ['web'], readView: async () => ({ children }) },
    store: { instances: async () => new Map() },
  } as unknown as Ports;

  it('names a znode by its own name, or by its path where several have that name', async () => {
    expect(await namedInstance(ports, 'web', 'y')).toEqual({ instance: '10.0.0.2:80', known: true });
    expect(await namedInstance(ports, 'web', '/b/x')).toEqual({ instance: '10.0.0.1:80', known: true });
    await expect(namedInstance(ports, 'web', 'x')).rejects.toMatchObject({
      code: 'USAGE',
      message: 'x is the name of 2 znodes of web',
      hint: 'say which: /a/x, /b/x',
    });
  });
});

it('a published config of one path has the form that it always had', () => {
  const config = configOf(service('/a')).services[0];
  expect(canonical(config)).toContain('"path":"/a"');
});
