/** `pointsman migrate` as people meet it: a config on stdout, what became of each option on stderr, and `check` takes what it made. */
import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { MAIN, pointsman } from '../support/command.ts';
import { type TempFolder, tempFolder } from '../support/folder.ts';
import { root } from '../support/tree.ts';

const FIXTURES = join(root, 'test/fixtures/migrate');
const SYNAPSE = join(FIXTURES, 'synapse/config/two-services.json');

let folder: TempFolder;
const path = (name: string): string => join(folder.path, name);
beforeAll(async () => {
  folder = await tempFolder();
});
afterAll(() => folder.remove());

it.each(['config/two-services.json', 'config/two-ensembles.json', 'config/one-frontend.json', 'every-option.json'])(
  'what it makes of %s is accepted by `check`',
  async (name) => {
    const made = await pointsman('migrate', 'synapse', join(FIXTURES, 'synapse', name));
    expect(made.code).toBe(0);
    for (const line of made.err.trimEnd().split('\n').slice(0, -1)) expect(line).toMatch(/^(carried|changed|left) +\S.*: \S/);
    expect(made.err).toMatch(/\n\d+ carried, \d+ changed, \d+ left\n$/);
    await writeFile(path('pointsman.yaml'), made.out);
    const checked = await pointsman('check', '--config', path('pointsman.yaml'));
    expect(checked).toMatchObject({ code: 0, out: expect.stringMatching(/^ok: /) });
  },
);

it('takes the services of service_conf_dir along', async () => {
  const argv = [MAIN, 'migrate', 'nerve', 'host/nerve.json', '--json'];
  const { stdout } = await promisify(execFile)(process.execPath, argv, { cwd: join(FIXTURES, 'nerve') });
  const { config, notes } = JSON.parse(stdout) as { config: string; notes: { fate: string; option: string }[] };
  expect(config).toContain('service: cache');
  expect(notes.map(({ option }) => option.split('.')[1])).toContain('search');
  expect(notes).toContainEqual(expect.objectContaining({ fate: 'left', option: 'services.archive' }));
});

it('moves the ports with --port-offset', async () => {
  expect((await pointsman('migrate', 'synapse', SYNAPSE, '--port-offset', '10000')).out).toContain('listen: 127.0.0.1:14102');
});

it.each([
  ['{"services": ', 'is no JSON'],
  ['[]', 'is no JSON object'],
  ['{"service_conf_dir": "nowhere"}', 'nowhere is not there'],
])('of %s it says in a line what is wrong, and exits 2', async (text, what) => {
  await writeFile(path('old.json'), text);
  const ended = await pointsman('migrate', 'synapse', path('old.json'));
  expect(ended).toMatchObject({ code: 2, out: '' });
  const [line = '', hint = '', ...more] = ended.err.trimEnd().split('\n');
  expect(line).toMatch(/^error: /);
  expect(line).toContain(what);
  expect([hint.length > 0, more]).toEqual([true, []]);
});

it('a file that is not there is such a line, too', async () => {
  expect(await pointsman('migrate', 'nerve', path('nowhere.json'))).toMatchObject({
    code: 2,
    err: expect.stringContaining('cannot be read'),
  });
  expect(await pointsman('migrate', 'synapse', SYNAPSE, '--port-offset', '-1')).toMatchObject({ code: 2 });
});
