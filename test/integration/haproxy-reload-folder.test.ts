/** The managed folder on a real disk: whole files only, ours only, and a failed write leaves the live file as it was. */
import { execFile } from 'node:child_process';
import { chmod, mkdir, readdir, readFile, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readManaged, removeStale, settleRejected, syncManaged, writeManaged } from '../../shared/haproxy/managed-folder.ts';
import { MANAGED_HEADER } from '../../shared/haproxy/render-global.ts';
import { type TempFolder, tempFolder } from '../support/folder.ts';
import { until } from '../support/poll.ts';
import { startProcess } from '../support/process.ts';

const GLOBAL = '00-pointsman.cfg';
let folder: TempFolder;
let managed: string;

beforeEach(async () => {
  folder = await tempFolder();
  managed = join(folder.path, 'managed');
});
afterEach(() => folder.remove());

function file(text: string): string {
  return `${MANAGED_HEADER}\n# ${text}\n`;
}

describe('the managed folder', () => {
  it('is made to hold exactly our files, touching only what differs', async () => {
    expect(await readManaged(managed)).toEqual({ ours: new Map(), foreign: new Map() });
    const first = new Map([
      [GLOBAL, file('g')],
      ['service-a.cfg', file('a')],
      ['service-b.cfg', file('b')],
    ]);
    expect(await syncManaged(managed, first)).toEqual({ written: [...first.keys()], removed: [] });
    const before = await stat(join(managed, 'service-a.cfg'));
    expect(before.mode & 0o777).toBe(0o640);

    const second = new Map([
      [GLOBAL, file('g')],
      ['service-a.cfg', file('a')],
      ['service-c.cfg', file('c')],
    ]);
    expect(await syncManaged(managed, second)).toEqual({ written: ['service-c.cfg'], removed: ['service-b.cfg'] });
    expect((await stat(join(managed, 'service-a.cfg'))).ino).toBe(before.ino);
    expect((await readManaged(managed)).ours).toEqual(second);
    expect(await readdir(managed)).toEqual([...second.keys()]);
  });

  it("leaves others' files alone, and does not write over them", async () => {
    await mkdir(managed);
    await writeFile(join(managed, '50-other.cfg'), '# theirs\n');
    await writeFile(join(managed, 'service-x.cfg'), '# by hand\n');
    const wanted = new Map([[GLOBAL, file('g')]]);
    await syncManaged(managed, wanted);
    expect((await readManaged(managed)).foreign).toEqual(
      new Map([
        ['50-other.cfg', '# theirs\n'],
        ['service-x.cfg', '# by hand\n'],
      ]),
    );
    const taken = new Map([...wanted, ['service-x.cfg', file('x')]]);
    await expect(syncManaged(managed, taken)).rejects.toMatchObject({ code: 'FILE_WRITE_FAILED' });
    await expect(writeManaged(managed, 'service-x.cfg', file('x'))).rejects.toMatchObject({ code: 'FILE_WRITE_FAILED' });
    expect(await readFile(join(managed, 'service-x.cfg'), 'utf8')).toBe('# by hand\n');
  });

  it('does not follow a symbolic link under a name of ours', async () => {
    await mkdir(managed);
    const target = join(folder.path, 'target');
    await writeFile(target, file('target'));
    await symlink(target, join(managed, 'service-a.cfg'));
    await expect(readManaged(managed)).rejects.toMatchObject({ code: 'FILE_WRITE_FAILED' });
    await expect(writeManaged(managed, 'service-a.cfg', file('a'))).rejects.toMatchObject({ code: 'FILE_WRITE_FAILED' });
    expect(await readFile(target, 'utf8')).toBe(file('target'));
  });

  it('writes one file only when it differs', async () => {
    expect(await writeManaged(managed, 'service-a.cfg', file('1'))).toBe(true);
    expect(await writeManaged(managed, 'service-a.cfg', file('1'))).toBe(false);
    expect(await writeManaged(managed, 'service-a.cfg', file('2'))).toBe(true);
    expect(await readFile(join(managed, 'service-a.cfg'), 'utf8')).toBe(file('2'));
  });

  it('keeps what is refused beside, as long as it is', async () => {
    await syncManaged(managed, new Map([[GLOBAL, file('g')]]));
    await settleRejected(
      managed,
      new Map([
        ['service-a.cfg', 'bad a'],
        ['service-b.cfg', 'bad b'],
      ]),
    );
    await settleRejected(managed, new Map([['service-b.cfg', 'worse b']]));
    expect(await readdir(managed)).toEqual([GLOBAL, 'service-b.cfg.rejected']);
    expect(await readFile(join(managed, 'service-b.cfg.rejected'), 'utf8')).toBe('worse b');
  });

  it('is cleared of what a dead writer left, once it is old', async () => {
    await mkdir(join(managed, '.candidate-1-1'), { recursive: true });
    await writeFile(join(managed, '.candidate-1-1', 'service-a.cfg'), 'x');
    await writeFile(join(managed, '.service-a.cfg.1-1.tmp'), 'x');
    await writeFile(join(managed, '.operators-own'), 'x');
    expect(await removeStale(managed, Date.now())).toEqual([]);
    const old = new Date(Date.now() - 120_000);
    for (const name of ['.candidate-1-1', '.service-a.cfg.1-1.tmp', '.operators-own']) await utimes(join(managed, name), old, old);
    expect(await removeStale(managed, Date.now())).toEqual(['.candidate-1-1', '.service-a.cfg.1-1.tmp']);
    expect(await readdir(managed)).toEqual(['.operators-own']);
  });

  it('says what to do when it may not write, and keeps the live file', async () => {
    await writeManaged(managed, 'service-a.cfg', file('1'));
    await chmod(managed, 0o500);
    // A user who may do everything gets no EACCES: then a file stands where the folder should be.
    const target = process.getuid?.() === 0 ? join(managed, 'service-a.cfg') : managed;
    await expect(writeManaged(target, 'service-b.cfg', file('2'))).rejects.toMatchObject({ code: 'FILE_WRITE_FAILED', retry: 'after' });
    await chmod(managed, 0o700);
    expect(await readFile(join(managed, 'service-a.cfg'), 'utf8')).toBe(file('1'));
  });
});

describe('a write that does not get to its end', () => {
  it('for want of room leaves the live file whole (no file above 64 KB)', async () => {
    await mkdir(managed);
    const script = `
      import { readManaged, writeManaged } from ${JSON.stringify(join(import.meta.dirname, '../../shared/haproxy/managed-folder.ts'))};
      const small = ${JSON.stringify(file('small'))};
      await writeManaged('${managed}', 'service-a.cfg', small);
      const error = await writeManaged('${managed}', 'service-a.cfg', small + '#'.repeat(200_000)).catch((e) => e);
      const after = await readManaged('${managed}');
      const { readdir } = await import('node:fs/promises');
      console.log(JSON.stringify({ code: error.code, whole: after.ours.get('service-a.cfg') === small, names: await readdir('${managed}') }));`;
    // A limit on files stands in for a full disk: it needs no root and no mount. 128 blocks of 512 bytes.
    const limited = `trap '' XFSZ; ulimit -f 128; exec ${process.execPath} --input-type=module-typescript -e "$SCRIPT"`;
    const { stdout } = await promisify(execFile)('sh', ['-c', limited], { env: { ...process.env, SCRIPT: script } });
    expect(JSON.parse(stdout)).toEqual({ code: 'FILE_WRITE_FAILED', whole: true, names: ['service-a.cfg'] });
  });

  it('because the writer was killed leaves the old content or the new, never a part', async () => {
    const script = join(folder.path, 'writer.ts');
    const module = join(import.meta.dirname, '../../shared/haproxy/managed-folder.ts');
    await writeFile(
      script,
      `import { writeManaged } from ${JSON.stringify(module)};
      for (let i = 0; ; i += 1) await writeManaged(${JSON.stringify(managed)}, 'service-a.cfg', ${JSON.stringify(file(''))} + ('#' + i % 10 + '\\n').repeat(100_000));`,
    );
    for (let kill = 0; kill < 8; kill += 1) {
      const writer = await startProcess(process.execPath, [script], { logFile: join(folder.path, 'writer.log') });
      const before = await readText();
      await until('a write', async () => (await readText()) !== before);
      writer.kill('SIGKILL');
      await writer.exited;
      const { ours } = await readManaged(managed);
      const lines = (ours.get('service-a.cfg') ?? '').slice(file('').length).trimEnd().split('\n');
      expect(lines).toHaveLength(100_000);
      expect(new Set(lines).size).toBe(1);
    }
    const leftovers = (await readdir(managed)).filter((name) => name !== 'service-a.cfg');
    expect(leftovers.every((name) => name.endsWith('.tmp') && name.startsWith('.'))).toBe(true);
    await removeStale(managed, Date.now() + 120_000);
    expect(await readdir(managed)).toEqual(['service-a.cfg']);
  });
});

function readText(): Promise<string> {
  return readFile(join(managed, 'service-a.cfg'), 'utf8').catch(() => '');
}
