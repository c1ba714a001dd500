/** New files are tried with HAProxy first; a refused service keeps its last good file, and its siblings go on. */
import { access, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type CandidateInput, tryCandidate } from '../../shared/haproxy/candidate.ts';
import { syncManaged } from '../../shared/haproxy/managed-folder.ts';
import { managedFiles } from '../../shared/haproxy/render-managed.ts';
import { type TempFolder, tempFolder } from '../support/folder.ts';
import { proxyConfig, renderedServer, serviceConfig } from '../support/render-input.ts';

let folder: TempFolder;
let managed: string;
let base: string;

beforeEach(async () => {
  folder = await tempFolder();
  managed = join(folder.path, 'managed');
  base = join(folder.path, 'haproxy.cfg');
  await writeFile(base, `global\n  stats socket ${join(folder.path, 'admin.sock')} level admin\n`);
});
afterEach(() => folder.remove());

function files(...names: string[]): Map<string, string> {
  const services = names.map((name) => ({ config: serviceConfig({ name }), servers: [renderedServer(1, '127.0.0.1', {})] }));
  return managedFiles({ prefix: 'test', proxy: proxyConfig({}), services });
}

/** A file that HAProxy refuses, naming its line. */
function broken(files: Map<string, string>, service: string): Map<string, string> {
  const name = `service-${service}.cfg`;
  return new Map(files).set(name, `${files.get(name)}    balance nonsense\n`);
}

function input(differs: Partial<CandidateInput>): CandidateInput {
  return { binary: 'haproxy', base, managed, wanted: new Map(), present: new Map(), foreign: new Map(), loaded: new Set(), ...differs };
}

describe('a candidate', () => {
  it('is accepted as a whole when HAProxy accepts it', async () => {
    const wanted = files('a', 'b');
    const result = await tryCandidate(input({ wanted }));
    expect(result).toEqual({ accepted: wanted, rejected: new Map(), globalRejected: null, baseInvalid: null });
    expect(await readdir(managed)).toEqual([]);
  });

  it('with every algorithm that may be rendered is accepted', async () => {
    const algorithms = [
      ...['roundrobin', 'leastconn', 'first', 'random', 'random(3)', 'source', 'uri', 'uri whole', 'uri len 20 depth 3', 'uri path-only'],
      ...['url_param user_id', 'hdr(X-User)', 'hdr(Host) use_domain_only'],
    ];
    const services = algorithms.map((balance, index) => ({ config: serviceConfig({ name: `s${index}`, balance }), servers: [] }));
    const wanted = managedFiles({ prefix: 'test', proxy: proxyConfig({}), services });
    expect((await tryCandidate(input({ wanted }))).accepted).toEqual(wanted);
  });

  it('without any service is accepted', async () => {
    expect((await tryCandidate(input({ wanted: files() }))).accepted).toEqual(files());
  });

  it('keeps the last good file of a refused service, takes its siblings, and keeps the refused content beside', async () => {
    const present = files('a', 'b');
    const wanted = broken(files('a', 'b', 'c'), 'b');
    const result = await tryCandidate(input({ wanted, present, loaded: new Set(['a', 'b']) }));
    expect([...result.rejected.keys()]).toEqual(['b']);
    expect(result.rejected.get('b')).toContain(join(managed, 'service-b.cfg:'));
    expect(result.rejected.get('b')).toContain('balance only supports');
    expect(result.accepted).toEqual(files('a', 'b', 'c'));
    expect(result.baseInvalid).toBeNull();
    expect(await readFile(join(managed, 'service-b.cfg.rejected'), 'utf8')).toBe(wanted.get('service-b.cfg'));

    await tryCandidate(input({ wanted: files('a', 'b', 'c'), present, loaded: new Set(['a', 'b']) }));
    await expect(access(join(managed, 'service-b.cfg.rejected'))).rejects.toThrow('ENOENT');
  });

  it('goes without a service that is refused and never had a good file', async () => {
    const wanted = broken(broken(files('a', 'b', 'c'), 'a'), 'c');
    const result = await tryCandidate(input({ wanted }));
    expect([...result.rejected.keys()].sort()).toEqual(['a', 'c']);
    expect(result.accepted).toEqual(files('b'));
  });

  it('finds the refused one when HAProxy names no file', async () => {
    const wanted = files('a', 'b', 'c', 'd', 'e');
    // A backend that is not there is only found after parsing, and reported by the proxy's name.
    wanted.set(
      'service-d.cfg',
      `${wanted.get('service-d.cfg')}frontend lost from pointsman-http\n    bind 127.0.0.1:1\n    default_backend nowhere\n`,
    );
    const result = await tryCandidate(input({ wanted }));
    expect([...result.rejected.keys()]).toEqual(['d']);
    expect(result.rejected.get('d')).toContain('nowhere');
    expect(result.accepted).toEqual(files('a', 'b', 'c', 'e'));
  });

  it("refuses a service that takes a name of the operator's own", async () => {
    await writeFile(base, `${await readFile(base, 'utf8')}defaults\n  timeout connect 1s\n  timeout server 1s\nbackend b\n`);
    const result = await tryCandidate(input({ wanted: files('a', 'b') }));
    expect([...result.rejected.keys()]).toEqual(['b']);
    expect(result.accepted).toEqual(files('a'));
  });

  it('is blocked by an invalid base, and our files are still found good', async () => {
    await writeFile(base, 'global\n  nonsense\n');
    const result = await tryCandidate(input({ wanted: broken(files('a', 'b'), 'b') }));
    expect(result.baseInvalid).toContain('nonsense');
    expect([...result.rejected.keys()]).toEqual(['b']);
    expect(result.accepted).toEqual(files('a'));
  });

  it('keeps the last good global file when the new one is refused', async () => {
    const wanted = new Map(files('a')).set('00-pointsman.cfg', `${files('a').get('00-pointsman.cfg')}    nonsense\n`);
    const present = files('a');
    const result = await tryCandidate(input({ wanted, present }));
    expect(result.globalRejected).toContain('nonsense');
    expect(result.accepted).toEqual(present);
  });

  it('changes nothing when a running service could only be dropped', async () => {
    const present = broken(files('a', 'b'), 'a');
    const wanted = broken(files('a', 'b', 'c'), 'a');
    const result = await tryCandidate(input({ wanted, present, loaded: new Set(['a', 'b']) }));
    expect(result.baseInvalid).toContain('service-a.cfg');
    expect(result.accepted).toEqual(present);
    // One that does not run is dropped instead.
    const dropped = await tryCandidate(input({ wanted, present, loaded: new Set(['b']) }));
    expect(dropped.accepted).toEqual(files('b', 'c'));
  });

  it("is tried together with others' files in the folder, and blames none of ours for them", async () => {
    const foreign = new Map([['50-other.cfg', 'nonsense\n']]);
    const result = await tryCandidate(input({ wanted: files('a'), foreign }));
    expect(result.baseInvalid).toContain('50-other.cfg');
    expect(result.rejected.size).toBe(0);
  });

  it('takes the reason for a service that was refused before', async () => {
    const result = await tryCandidate(input({ wanted: files('a', 'b'), refused: new Map([['a', 'taken']]) }));
    expect(result.rejected).toEqual(new Map([['a', 'taken']]));
    expect(result.accepted).toEqual(files('b'));
  });

  it('says when there is no binary', async () => {
    await expect(tryCandidate(input({ wanted: files('a'), binary: '/nowhere/haproxy' }))).rejects.toMatchObject({ code: 'TOOL_MISSING' });
  });

  it('leaves no folder behind, and HAProxy would not load one', async () => {
    await syncManaged(managed, files('a'));
    await tryCandidate(input({ wanted: broken(files('a', 'b'), 'b'), present: files('a') }));
    expect((await readdir(managed)).filter((name) => name.startsWith('.'))).toEqual([]);
  });
});
