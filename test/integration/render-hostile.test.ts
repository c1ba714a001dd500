/**
 * Of hostile fields a service's file is not rendered, or has exactly the sections and directives that a file of ours has, as an oracle of HAProxy's parser
 * reads it; and HAProxy itself takes all that was rendered, and has those backends and servers and no others.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { checkConfig } from '../../shared/haproxy/config-check.ts';
import { globalFile } from '../../shared/haproxy/render-managed.ts';
import { type RenderedServer, renderService } from '../../shared/haproxy/render-service.ts';
import type { ServiceConfig } from '../../shared/model/service-config.ts';
import { cleanupsAfterEach } from '../support/cleanups.ts';
import { readConfigFile } from '../support/config-oracle.ts';
import { tempFolder } from '../support/folder.ts';
import { TestHaproxy } from '../support/haproxy.ts';
import { Draws, hostileText } from '../support/hostile-commands.ts';
import { proxyConfig, renderedServer, serviceConfig } from '../support/render-input.ts';

const VALUES = Number(process.env.RUNS ?? '10000');
/** Files that HAProxy itself is shown. */
const SHOWN = 400;
const DIRECTIVES = new Set([
  'bind',
  'default_backend',
  'mode',
  'balance',
  'hash-type',
  'http-request',
  'option',
  'timeout',
  'server',
  'setenv',
  'http-check',
]);
const cleanups = cleanupsAfterEach();

interface Drawn {
  readonly config: ServiceConfig;
  readonly servers: readonly RenderedServer[];
}

/** With mostly one field that is bad. */
function drawn(draws: Draws, index: number): Drawn {
  const bad = draws.below(8);
  const field = (at: number, good: string): string => (bad === at || bad === 7 ? hostileText(draws, [good]) : good);
  const path = field(3, '/health');
  const config = serviceConfig({
    name: field(0, `s-${index}`),
    listen: field(1, '127.0.0.1:3210'),
    balance: field(2, draws.of(['roundrobin', 'uri whole', 'hdr(x)'])),
    check:
      draws.below(2) === 0
        ? { type: 'tcp', interval: 100, rise: 1, fall: 1 }
        : { type: 'http', method: 'GET', path, interval: 100, rise: 1, fall: 1 },
  });
  const differs = { name: field(4, 's1'), instance: field(6, '10.0.0.1:8080'), up: draws.below(2) === 0, draining: draws.below(4) === 0 };
  return { config, servers: [renderedServer(1, field(5, '10.0.0.1'), differs)] };
}

function renderedOrRefused({ config, servers }: Drawn): string | null {
  try {
    return renderService({ config, structure: 'abc', servers });
  } catch (error) {
    if (String(error).includes('assertion failed')) return null;
    throw error;
  }
}

it(`${VALUES} of them, and HAProxy's own judgement of some`, async () => {
  const draws = new Draws(Number(process.env.SEED ?? '20260101'));
  const shown = new Map<string, { text: string; server: string | null }>();
  let rendered = 0;
  for (let index = 0; index < VALUES; index += 1) {
    const one = drawn(draws, index);
    const text = renderedOrRefused(one);
    if (text === null) continue;
    rendered += 1;
    const { name } = one.config;
    const server = one.servers[0]?.draining === true ? null : (one.servers[0]?.name ?? null);
    const sections = readConfigFile(text);
    expect(
      sections.map(({ words }) => words.slice(0, 2).join(' ')),
      text,
    ).toEqual(['global', `frontend ${name}:in`, `backend ${name}`]);
    expect(sections.map(({ special }) => special)).toEqual([0, 0, 0]);
    const lines = sections.flatMap((section) => section.lines);
    expect(
      lines.every(([first]) => DIRECTIVES.has(first ?? '')),
      text,
    ).toBe(true);
    const servers = lines.filter(([first]) => first === 'server');
    expect(servers.map(([, word]) => word)).toEqual(server === null ? [] : [server]);
    expect(lines.filter(([first]) => first === 'bind').map((words) => words.slice(1))).toEqual([[one.config.listen]]);
    if (shown.size < SHOWN && !shown.has(name)) shown.set(name, { text: text.replace(/^ {4}bind .*$/m, ''), server });
  }
  expect(rendered).toBeGreaterThan(VALUES / 20);
  expect(VALUES - rendered).toBeGreaterThan(VALUES / 5);

  const folder = await tempFolder();
  cleanups.push(() => folder.remove());
  await writeFile(join(folder.path, '00.cfg'), globalFile('test', proxyConfig({})));
  for (const [index, { text }] of [...shown.values()].entries()) await writeFile(join(folder.path, `service-${index}.cfg`), text);
  const haproxy = await TestHaproxy.start({ sections: '', argv: ['-f', folder.path] });
  cleanups.push(() => haproxy.stop());
  expect(await checkConfig('haproxy', [haproxy.configFile, folder.path])).toBeNull();
  const [names = '', state = ''] = await haproxy.cli('show backend', 'show servers state');
  expect(new Set(names.trim().split('\n').slice(1))).toEqual(new Set(shown.keys()));
  const there = state
    .trim()
    .split('\n')
    .slice(2)
    .map((row) => row.split(' '))
    .map(([, backend, , server]) => `${backend}/${server}`);
  const meant = [...shown].flatMap(([name, { server }]) => (server === null ? [] : [`${name}/${server}`]));
  expect(there.toSorted()).toEqual(meant.toSorted());
}, 60_000);
