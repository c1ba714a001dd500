/** The command as people and scripts meet it: started as a process, judged by its output and its exit code. */
import { execFile, spawn } from 'node:child_process';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { COMMANDS } from '../../cli/command-table.ts';
import { LEAST } from '../support/config-text.ts';
import { type TempFolder, tempFolder } from '../support/folder.ts';
import { root } from '../support/tree.ts';

const MAIN = join(root, 'cli/main.ts');
/** Dead long before a test's own deadline. */
const COMMAND_DEADLINE_MS = 15_000;

let folder: TempFolder;
const path = (name: string): string => join(folder.path, name);

beforeAll(async () => {
  folder = await tempFolder();
  await writeFile(
    path('good.yaml'),
    `${LEAST}proxies:
  edge: { runtime: "unix:/run/edge.sock", master: "unix:/run/edge-master.sock", managed: /etc/haproxy/edge.d, services: [web] }
  far: { runtime: "tcp://10.0.0.7:9999", runtimeOnly: true }
  side: { runtime: "unix:/run/side.sock", start: true, managed: /etc/haproxy/side.d }
services:
  web: { path: /web, listen: "127.0.0.1:3210" }
  raw: { path: /raw, mode: tcp }
`,
  );
  await writeFile(path('bad.yaml'), `${LEAST}log: { level: infos }\nmetric: {}\n`);
});
afterAll(() => folder.remove());

/** In a folder without a config. Exit code, and what was printed. */
async function pointsman(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const options = { cwd: folder.path, timeout: COMMAND_DEADLINE_MS, env: { ...process.env, NO_COLOR: '1' } };
  return promisify(execFile)(process.execPath, [MAIN, ...args], options).then(
    ({ stdout, stderr }) => ({ code: 0, out: stdout, err: stderr }),
    (error: { code: number; stdout: string; stderr: string }) => ({ code: error.code, out: error.stdout, err: error.stderr }),
  );
}

describe('the frame', () => {
  it('prints its version', async () => {
    const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as { version: string };
    expect(await pointsman('--version')).toEqual({ code: 0, out: `${version}\n`, err: '' });
  });

  it('lists every command in its help, on stdout when asked for, on stderr when nothing was asked', async () => {
    const [asked, bare, word] = await Promise.all([pointsman('--help'), pointsman(), pointsman('help')]);
    expect([asked.code, asked.err, bare.code, bare.out, word.code]).toEqual([0, '', 2, '', 0]);
    expect([bare.err, word.out]).toEqual([asked.out, asked.out]);
    const text = asked.out.replace(/\s+/g, ' ');
    for (const { name, summary } of COMMANDS) {
      expect(text).toContain(`${name} `);
      expect(text).toContain(summary);
    }
  });

  it('helps with each command, both ways', async () => {
    const [first, second] = await Promise.all([pointsman('render', '--help'), pointsman('help', 'render')]);
    expect(first).toEqual(second);
    expect(first).toMatchObject({ code: 0, err: '' });
    for (const option of ['--proxy <id>', '--out <folder>', '--config <file>', '--verbose']) expect(first.out).toContain(option);
  });

  it.each([
    [['chek'], "unknown command 'chek' (did you mean check?)"],
    [['help', 'nope'], "unknown command 'nope'"],
    [['check', '--jsn'], "unknown option '--jsn' (did you mean --json?)"],
    [['--konfig', 'x', 'check'], "unknown option '--konfig' (did you mean --config?)"],
    [['check', 'more'], 'too many arguments'],
    [['check', '--config'], "option '--config <file>' argument missing"],
    [['check', '--config', 'nope.yaml'], 'config nope.yaml is not there'],
    [['check'], 'no config: neither ./pointsman.yaml nor /etc/pointsman/pointsman.yaml is there'],
    [['render', '--config', 'good.yaml', '--proxy', 'edg'], 'the config has no proxy "edg"'],
    [['render', '--config', 'good.yaml', '--proxy', 'far'], 'proxy far is runtimeOnly'],
  ])('exits 2 with a line of what and a line of what to do: %j', async (args, what) => {
    const { code, out, err } = await pointsman(...args);
    expect({ code, out }).toEqual({ code: 2, out: '' });
    const [first, second, ...rest] = err.trimEnd().split('\n');
    expect(first).toMatch(/^error: /);
    expect(first).toContain(what);
    expect(second?.length).toBeGreaterThan(10);
    expect(rest).toEqual([]);
  });

  it('shows the stack with --verbose, before or behind the command', async () => {
    for (const args of [
      ['--verbose', 'check'],
      ['check', '--verbose'],
    ]) {
      const { code, err } = await pointsman(...args, '--config', 'nope.yaml');
      expect(code).toBe(2);
      expect(err).toMatch(/\ncode: CONFIG_NOT_FOUND\n[\s\S]*\n {4}at .*load-config\.ts/);
    }
  });

  it('ends quietly when nobody reads on', async () => {
    const child = spawn(process.execPath, [MAIN, 'render', '--config', path('good.yaml')], { stdio: ['ignore', 'pipe', 'pipe'] });
    child.stdout.destroy();
    const errors: Buffer[] = [];
    child.stderr.on('data', (chunk: Buffer) => errors.push(chunk));
    const code = await new Promise((resolve) => child.once('close', resolve));
    expect(code).toBe(0);
    expect(Buffer.concat(errors).toString()).not.toContain('EPIPE');
  });
});

describe('check', () => {
  it('says that a config is good', async () => {
    const checked = await pointsman('check', '--config', 'good.yaml');
    expect(checked).toMatchObject({ code: 0, out: 'ok: good.yaml: 2 services, 3 proxies\n' });
    expect(checked.err).toMatch(
      /^warning: proxies\.far\.runtime: whoever reaches tcp:\/\/10\.0\.0\.7:9999 is HAProxy's administrator[^\n]*\n$/,
    );
    const { code, out } = await pointsman('--config', 'good.yaml', 'check', '--json');
    expect([code, JSON.parse(out)]).toEqual([0, { ok: true, file: 'good.yaml', services: 2, proxies: 3, register: 0 }]);
  });

  it('warns of a base file that is not there, and is content all the same', async () => {
    const proxy = (base: string): string =>
      `${LEAST}proxies:\n  edge: { runtime: "unix:/run/edge.sock", start: true, base: ${base}, managed: /etc/haproxy/edge.d }\n`;
    await writeFile(path('base.yaml'), proxy('/nowhere/haproxy.cfg'));
    const { code, out, err } = await pointsman('check', '--config', 'base.yaml');
    expect([code, out]).toEqual([0, 'ok: base.yaml: 0 services, 1 proxy\n']);
    expect(err).toMatch(/^warning: proxies\.edge\.base: \/nowhere\/haproxy\.cfg is not there[^\n]*\n$/);
    await writeFile(path('base.yaml'), proxy(path('good.yaml')));
    expect((await pointsman('check', '--config', 'base.yaml')).err).toBe('');
  });

  it('warns of files for TLS that are not there', async () => {
    const tls = `{ ca: ${path('good.yaml')}, cert: /nowhere/our.pem, key: /nowhere/our.key }`;
    await writeFile(path('tls.yaml'), `${LEAST}proxies:\n  far: { runtime: "tls://10.0.0.7:1", runtimeOnly: true, runtimeTls: ${tls} }\n`);
    const { code, err } = await pointsman('check', '--config', 'tls.yaml');
    expect([code, err.split('\n').map((line) => line.split(';')[0])]).toEqual([
      0,
      [
        'warning: proxies.far.runtimeTls.cert: /nowhere/our.pem is not there',
        'warning: proxies.far.runtimeTls.key: /nowhere/our.key is not there',
        '',
      ],
    ]);
  });

  it('finds ./pointsman.yaml by itself', async () => {
    await mkdir(path('own'));
    await writeFile(path('own/pointsman.yaml'), LEAST);
    const { stdout } = await promisify(execFile)(process.execPath, [MAIN, 'check'], { cwd: path('own'), timeout: COMMAND_DEADLINE_MS });
    expect(stdout).toBe('ok: ./pointsman.yaml: 0 services, 0 proxies\n');
  });

  it('tells every problem of a bad one, for people on stderr', async () => {
    const { code, out, err } = await pointsman('check', '--config', 'bad.yaml');
    expect([code, out]).toEqual([2, '']);
    expect(err.split('\n').slice(0, 2)).toEqual([
      'bad.yaml:3:15 log.level: found "infos", expected one of fatal, error, warn, info, debug, trace, silent (did you mean info?)',
      'bad.yaml:4:1 metric: found an unknown key, expected one of zookeeper, redis, haproxy, proxies, services, discover, register, registrar, dashboard, metrics, log (did you mean metrics?)',
    ]);
  });

  it('and for programs on stdout', async () => {
    const { code, out, err } = await pointsman('check', '--config', 'bad.yaml', '--json');
    expect([code, err]).toEqual([2, '']);
    const answer = JSON.parse(out) as { ok: boolean; problems: object[] };
    expect(answer.ok).toBe(false);
    expect(answer.problems[0]).toEqual({
      file: 'bad.yaml',
      line: 3,
      column: 15,
      key: 'log.level',
      found: '"infos"',
      expected: 'one of fatal, error, warn, info, debug, trace, silent',
      suggestion: 'info',
    });
  });
});

describe('render', () => {
  it('prints the files of every proxy that has some, each headed by its name', async () => {
    const { code, out, err } = await pointsman('render', '--config', 'good.yaml');
    expect(code).toBe(0);
    expect(err).toMatch(/^note: .*no servers/);
    expect(out.match(/^# === .* ===$/gm)).toEqual([
      '# === edge/00-pointsman.cfg ===',
      '# === edge/service-web.cfg ===',
      '# === side/00-pointsman.cfg ===',
      '# === side/service-raw.cfg ===',
      '# === side/service-web.cfg ===',
    ]);
  });

  it('prints a config that HAProxy takes', async () => {
    const { out } = await pointsman('render', '--config', 'good.yaml', '--proxy', 'side');
    await writeFile(path('rendered.cfg'), out);
    const checked = promisify(execFile)('haproxy', ['-c', '-f', path('rendered.cfg')], { timeout: COMMAND_DEADLINE_MS });
    // Its exit code says it: from 3.3 on it prints nothing.
    await expect(checked).resolves.toBeDefined();
  });

  it('writes the same to a folder, and names what it wrote', async () => {
    const printed = await pointsman('render', '--config', 'good.yaml', '--proxy', 'edge');
    const { code, out } = await pointsman('render', '--config', 'good.yaml', '--proxy', 'edge', '--out', 'new/folder');
    expect([code, out]).toEqual([0, 'new/folder/00-pointsman.cfg\nnew/folder/service-web.cfg\n']);
    const names = (await readdir(path('new/folder'))).sort();
    const texts = await Promise.all(
      names.map(async (name) => `# === ${name} ===\n${await readFile(path(`new/folder/${name}`), 'utf8')}\n`),
    );
    expect(texts.join('')).toBe(printed.out);
  });

  it('writes several proxies to a folder each', async () => {
    expect((await pointsman('render', '--config', 'good.yaml', '--out', 'all')).code).toBe(0);
    expect((await readdir(path('all'))).sort()).toEqual(['edge', 'side']);
  });

  it('exits 1 when it cannot write', async () => {
    const { code, err } = await pointsman('render', '--config', 'good.yaml', '--out', 'good.yaml/folder');
    expect(code).toBe(1);
    expect(err).toContain('error: ENOTDIR');
  });

  it('exits 2 when no proxy has files', async () => {
    await writeFile(path('none.yaml'), LEAST);
    const { code, err } = await pointsman('render', '--config', 'none.yaml');
    expect([code, err.split('\n')[0]]).toEqual([2, 'error: no proxy of the config has managed files']);
  });
});
