/** The config from files: where it is looked for, what is told when it cannot be had, and what a running program notices of changes. */
import { chmod, mkdir, rename, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Config } from '../../shared/config/config.ts';
import { loadConfig } from '../../shared/config/load-config.ts';
import { WITHHELD } from '../../shared/config/parse-config.ts';
import type { ConfigError } from '../../shared/config/problem.ts';
import { type ConfigWatch, watchConfig } from '../../shared/config/watch-config.ts';
import { errorText, PointsmanError } from '../../shared/errors.ts';
import { LEAST } from '../support/config-text.ts';
import { type TempFolder, tempFolder } from '../support/folder.ts';
import { until } from '../support/poll.ts';

let folder: TempFolder;
let file: string;
const level = (word: string): string => `${LEAST}log: { level: ${word} }\n`;

beforeEach(async () => {
  folder = await tempFolder();
  file = join(folder.path, 'pointsman.yaml');
});
afterEach(() => folder.remove());

async function refusal(path: string): Promise<PointsmanError> {
  const error = await loadConfig(path).then(
    () => null,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(PointsmanError);
  return error as PointsmanError;
}

describe('loadConfig', () => {
  it('reads the file that is named, with the environment and the secrets of this process', async () => {
    await writeFile(join(folder.path, 'secret'), 'admin:pass\n');
    process.env['POINTSMAN_TEST_LEVEL'] = 'trace';
    const secret = `\${file:${join(folder.path, 'secret')}}`;
    await writeFile(
      file,
      `zookeeper: { connect: a, auth: { scheme: digest, credentials: "${secret}" } }\nredis: { url: "redis://a" }\nlog: { level: "\${POINTSMAN_TEST_LEVEL}" }\n`,
    );
    const config = await loadConfig(file);
    delete process.env['POINTSMAN_TEST_LEVEL'];
    expect([config.file, config.zookeeper.auth?.credentials, config.log.level]).toEqual([file, 'admin:pass', 'trace']);
  });

  it('for a command that speaks to Redis alone does without the other secrets', async () => {
    const missing = `\${file:${join(folder.path, 'nowhere')}}`;
    const written = (url: string): string => `zookeeper: { connect: a, auth: { scheme: digest, credentials: "\${UNSET_LOGIN}" } }
redis: { url: "${url}" }
registrar: { listen: "127.0.0.1:7000", token: "${missing}" }
register: [{ service: a, path: /a, address: "10.0.0.1:1", check: { redis: true, auth: { password: "${missing}" } } }]
`;
    await writeFile(file, written('redis://a'));
    expect((await refusal(file)).message).toContain('UNSET_LOGIN');
    const config = await loadConfig(file, 'redis');
    expect([config.zookeeper.auth?.credentials, config.registrar.token]).toEqual([WITHHELD, WITHHELD]);
    await writeFile(file, written(`redis://:\${UNSET_PASSWORD}@a`));
    await expect(loadConfig(file, 'redis')).rejects.toThrow('UNSET_PASSWORD');
  });

  it('tells every problem of a bad one', async () => {
    await writeFile(file, 'log: { level: infos }\n');
    const error = await refusal(file);
    expect(error.code).toBe('CONFIG_INVALID');
    expect((error as ConfigError).problems.map((one) => `${one.file}:${one.line}:${one.column} ${one.key}`)).toEqual([
      `${file}:1:1 redis`,
      `${file}:1:1 zookeeper`,
      `${file}:1:15 log.level`,
    ]);
    expect(error.message.split('\n')).toHaveLength(4);
  });

  it('tells what keeps it from being read', async () => {
    expect((await refusal(file)).message).toBe(`config ${file} is not there`);
    await mkdir(file);
    expect((await refusal(file)).message).toBe(`config ${file} cannot be read (EISDIR)`);
    const bytes = join(folder.path, 'bytes.yaml');
    await writeFile(bytes, Buffer.from([0x61, 0xff, 0xfe]));
    expect((await refusal(bytes)).message).toBe(`config ${bytes} is not UTF-8`);
    expect((await refusal(bytes)).code).toBe('CONFIG_NOT_FOUND');
  });

  it('tells a secret that is too large to be one', async () => {
    const large = join(folder.path, 'large');
    await writeFile(large, 'x'.repeat(70_000));
    await writeFile(file, `zookeeper: { connect: "\${file:${large}}" }\nredis: { url: "redis://a" }\n`);
    expect((await refusal(file)).message).toContain('which cannot be read (larger than 65536 bytes)');
  });
});

describe('watchConfig', () => {
  let watch: ConfigWatch | null = null;
  let seen: string[];

  /** Started on the file as it is now; `seen` gets the level of each config, or the first line of each error. */
  async function start(): Promise<void> {
    seen = [];
    watch = watchConfig(file, await loadConfig(file), {
      onConfig: (config: Config) => void seen.push(config.log.level),
      onError: (error) => void seen.push(errorText(error).split('\n')[0] ?? ''),
    });
  }
  afterEach(() => watch?.close());

  const sees = (...expected: string[]): Promise<true> =>
    until(`seen ${JSON.stringify(expected)}`, () => {
      if (JSON.stringify(seen) !== JSON.stringify(expected)) throw new Error(JSON.stringify(seen));
      return true;
    });

  it('hands on a file that was rewritten, and one that was replaced', async () => {
    await writeFile(file, level('info'));
    await start();
    await writeFile(file, level('debug'));
    await sees('debug');
    await writeFile(`${file}.new`, level('warn'));
    await rename(`${file}.new`, file);
    await sees('debug', 'warn');
  });

  it('tells a bad file once, and goes on with the next good one', async () => {
    await writeFile(file, level('info'));
    await start();
    await writeFile(file, level('loud'));
    await sees('1 problem in the config:');
    await writeFile(join(folder.path, 'other'), 'x');
    await unlink(file);
    await sees('1 problem in the config:', `config ${file} is not there`);
    await writeFile(file, level('error'));
    await sees('1 problem in the config:', `config ${file} is not there`, 'error');
  });

  it('passes over what changes nothing, and notices what changed before it began', async () => {
    await writeFile(file, level('info'));
    const current = await loadConfig(file);
    await writeFile(file, level('fatal'));
    seen = [];
    watch = watchConfig(file, current, {
      onConfig: (config) => void seen.push(config.log.level),
      onError: (error) => void seen.push(errorText(error)),
    });
    await sees('fatal');
    await writeFile(file, `# a comment\n${level('fatal')}`);
    await chmod(file, 0o600);
    await writeFile(join(folder.path, 'other'), 'x');
    await writeFile(file, level('trace'));
    await sees('fatal', 'trace');
  });

  it('reads again at SIGHUP, though the file is the same, and no more once it is closed', async () => {
    await writeFile(file, level('info'));
    await start();
    process.kill(process.pid, 'SIGHUP');
    await sees('info');
    watch?.close();
    watch?.close();
    const later: string[] = [];
    const other = watchConfig(file, await loadConfig(file), { onConfig: (config) => void later.push(config.log.level), onError: () => {} });
    await writeFile(file, level('debug'));
    process.kill(process.pid, 'SIGHUP');
    await until('the other watch to see it', () => later.includes('debug'));
    other.close();
    expect(seen).toEqual(['info']);
  });
});
