/** What a registration may ask for of its server: read as values, whatever a stranger writes, and counted only where the config lets it. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { desiredServer } from '../../machines/projection.ts';
import { ASKABLE, type Askable, type AskedOptions, grantedOf, inVain } from '../../shared/model/asked-options.ts';
import { asDesiredServer } from '../../shared/model/desired.ts';
import { asServiceEvent } from '../../shared/model/event-form.ts';
import type { ServiceConfig } from '../../shared/model/service-config.ts';
import { decode } from '../../shared/znode/format.ts';
import { readServerOptions } from '../../shared/znode/server-options.ts';
import { runs } from '../support/property.ts';
import { Story, serviceConfig } from '../support/service-events.ts';

describe("the words of Nerve's haproxy_server_options", () => {
  it.each<[unknown, AskedOptions | undefined]>([
    [undefined, undefined],
    ['', undefined],
    ['backup maxconn 50', { backup: true, maxconn: 50 }],
    ['  weight 0\tdisabled ', { weight: 0, disabled: true }],
    ['weight 3 weight 5', { weight: 5 }],
    ['maxconn 0', { unread: ['maxconn 0'] }],
    ['maxconn 50x backup', { backup: true, unread: ['maxconn 50x'] }],
    ['maxconn -1', { unread: ['maxconn -1'] }],
    ['weight 257', { unread: ['weight 257'] }],
    ['weight', { unread: ['weight'] }],
    ['backup BACKUP', { backup: true, unread: ['BACKUP'] }],
    ['cookie backup', { unread: ['cookie backup'] }],
    ['check inter 2s rise 3 fall 2', { unread: ['check', 'inter 2s', 'rise 3', 'fall 2'] }],
    ['source 0.0.0.0 usesrc clientip', { unread: ['source 0.0.0.0', 'usesrc clientip'] }],
    ['backup\n  http-request deny', { unread: ['backup\\u{a}', 'http-request', 'deny'] }],
    ['ssl\u0000verify none', { unread: ['ssl\\u{0}verify', 'none'] }],
    [7, { unread: ['haproxy_server_options is no text'] }],
    [{ backup: true }, { unread: ['haproxy_server_options is no text'] }],
    ['x'.repeat(1_025), { unread: ['haproxy_server_options has more than 1024 characters'] }],
    ['x '.repeat(65), { unread: ['haproxy_server_options has more than 64 words'] }],
    ['a b c d e f g h i j', { unread: ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'and 2 more'] }],
    ['__proto__ constructor', { unread: ['__proto__', 'constructor'] }],
  ])('%j', (text, asked) => {
    expect(readServerOptions(text)).toEqual(asked);
  });

  it('whatever they are, they are values within bounds, and the registration stands', () => {
    const word = fc.oneof(
      fc.constantFrom(
        'backup',
        'disabled',
        'maxconn',
        'weight',
        'cookie',
        'id',
        '50',
        '0',
        '999999999999',
        '\n',
        ';',
        '"',
        `$\{HOME}`,
        '-1',
        '1e3',
      ),
      fc.string({ unit: 'binary', maxLength: 40 }),
    );
    const text = fc.oneof(
      fc.array(word, { maxLength: 80 }).map((words) => words.join(' ')),
      fc.string({ unit: 'binary', maxLength: 2_000 }),
      fc.jsonValue(),
    );
    fc.assert(
      fc.property(text, (said) => {
        const data = Buffer.from(JSON.stringify({ host: '10.0.0.1', port: 80, haproxy_server_options: said }));
        const says = decode('nerve', 'i-1_0000000001', data, { endpoint: null });
        const event = { instance: '10.0.0.1:80', znode: { name: 'i', czxid: '1', mzxid: '1', version: 0 } };
        expect(says.ok && asServiceEvent('registered', { ...event, said: { registration: says.registration } }) !== null).toBe(true);
        const { unread = [], ...asked } = (says.ok && says.registration.options) || {};
        expect(Object.keys(asked).filter((key) => !(ASKABLE as readonly string[]).includes(key))).toEqual([]);
        expect(unread.length).toBeLessThanOrEqual(9);
        for (const one of unread) expect(one.length <= 64 && !/[\p{Cc}\p{Cf}]/u.test(one)).toBe(true);
      }),
      runs(2_000),
    );
  });

  it('are of Nerve alone', () => {
    const data = Buffer.from(JSON.stringify({ weight: 2, haproxy_server_options: 'backup' }));
    const says = decode('auto', '10.0.0.1:80', data, { endpoint: null });
    expect(says.ok && says.registration.options).toBe(undefined);
  });
});

describe('what of it counts', () => {
  const asked: AskedOptions = { weight: 5, maxconn: 50, backup: true, disabled: true, unread: ['cookie x'] };

  it.each<[Askable[] | undefined, object, string[]]>([
    [undefined, {}, ['backup', 'disabled', 'maxconn 50', 'weight 5', 'cookie x']],
    [['backup'], { backup: true }, ['disabled', 'maxconn 50', 'weight 5', 'cookie x']],
    [[...ASKABLE], { weight: 5, maxconn: 50, backup: true, disabled: true }, ['cookie x']],
  ])('with %j', (allowed, granted, vain) => {
    expect(grantedOf(allowed, asked)).toEqual(granted);
    expect(inVain(allowed, asked)).toEqual(vain);
  });

  const served = (config: Partial<ServiceConfig>, options: AskedOptions, more: object = {}) => {
    const story = new Story(serviceConfig(config));
    story.register(80, { options, ...more });
    const { weight, maxConn, backup, admin } = desiredServer(story.at(80)) ?? {};
    return { weight, maxConn, backup, admin };
  };
  const server = (...options: Askable[]) => ({ server: { maxConn: 100, options } });
  const usual = { weight: 1, maxConn: undefined, backup: undefined, admin: 'ready' };

  it.each<[string, Partial<ServiceConfig>, AskedOptions, object, object]>([
    ['nothing without the key', {}, asked, {}, usual],
    ['connections, fewer than the config has', server('maxconn'), { maxconn: 50 }, {}, { ...usual, maxConn: 50 }],
    ['no more connections than the config has', server('maxconn'), { maxconn: 500 }, {}, usual],
    [
      'connections where the config has no limit',
      { server: { maxConn: null, options: ['maxconn'] } },
      { maxconn: 500 },
      {},
      { ...usual, maxConn: 500 },
    ],
    ['standing by', server('backup'), { backup: true }, {}, { ...usual, backup: true }],
    ['a weight, before that of the registration', server('weight'), { weight: 9 }, { weight: 4 }, { ...usual, weight: 9 }],
    [
      'a weight, also where registered ones do not count',
      { ...server('weight'), weights: { registered: false, default: 3, scale: 2, max: 256 } },
      { weight: 9 },
      {},
      { ...usual, weight: 18 },
    ],
    ['no weight against a registration that is out', server('weight'), { weight: 9 }, { weight: 0, out: 'x' }, { ...usual, weight: 0 }],
    ['being out of service', server('disabled'), { disabled: true }, { weight: 4 }, { ...usual, weight: 0 }],
    [
      'with prefer, both stand by',
      { ...server('backup'), prefer: { zone: ['a'] } },
      { backup: true },
      { labels: { zone: 'a' } },
      { ...usual, backup: true },
    ],
    [
      'with a share for far ones too',
      { ...server('backup'), prefer: { zone: ['a'] }, farWeight: 0.5 },
      { backup: true },
      { labels: { zone: 'b' } },
      { ...usual, weight: 5, backup: true },
    ],
  ])('%s', (_what, config, options, more, expected) => {
    expect(served(config, options, more)).toEqual(expected);
  });

  it('follows the config, and leaves no trace when it is as before', () => {
    const story = new Story();
    story.register(80, { options: asked });
    const before = JSON.stringify(story.at(80));
    story.tell({ type: 'configured', config: serviceConfig({ server: { maxConn: null, options: [...ASKABLE] } }) });
    expect(desiredServer(story.at(80))).toMatchObject({ weight: 0, maxConn: 50, backup: true });
    story.tell({ type: 'configured', config: serviceConfig({ server: { maxConn: 20, options: ['maxconn'] } }) });
    expect(desiredServer(story.at(80))?.maxConn).toBe(undefined);
    story.tell({ type: 'configured', config: serviceConfig() });
    expect(JSON.stringify(story.at(80))).toBe(before);
  });

  it('is stored as what it is, or not believed', () => {
    const story = new Story(serviceConfig(server('maxconn', 'backup')));
    story.register(80, { options: asked });
    const wanted = desiredServer(story.at(80));
    const stored = (more: object): unknown => asDesiredServer('10.0.0.1:80', JSON.stringify({ ...wanted, ...more }));
    expect(stored({})).toEqual(wanted);
    for (const maxConn of [0, -1, '5', 1.5, null]) expect(stored({ maxConn })).toBeNull();
  });
});
