/**
 * Unpacks the HAProxy versions of the tests' matrix from Debian's packages into tmp/haproxy of this checkout, each with the libraries that it was built
 * for, so that it runs beside the machine's own. Nothing of the machine is changed: apt works with lists and a state of its own, on the mirror that the
 * machine's sources name. What cannot be had leaves its reason, and the tests of that version are skipped. Started by scripts/test.mjs.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { binFolder, HAPROXY_VERSIONS, matrix, reasonFile, versionOf } from '../test/support/haproxy-versions.ts';

const COMMAND_TIMEOUT_MS = 120_000;
const OUTPUT_BYTES_MAX = 64 * 1024 * 1024;
/** Rounds of looking for what libraries need: those of HAProxy need two. */
const ROUNDS_MAX = 6;
const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';

for (const { version, whyNot } of matrix()) {
  if (whyNot === null) continue;
  const suites = HAPROXY_VERSIONS.find((known) => known.version === version)?.suites ?? [];
  console.error(`fetching HAProxy ${version} from Debian ${suites.join(' or ')}, for the tests`);
  const folder = join(binFolder(version), '..');
  rmSync(folder, { recursive: true, force: true });
  const reasons = [];
  const found = suites.some((suite) => {
    try {
      unpack(version, suite, folder);
      return true;
    } catch (error) {
      rmSync(folder, { recursive: true, force: true });
      reasons.push(`${suite}: ${error.message}`);
      return false;
    }
  });
  if (found) continue;
  mkdirSync(folder, { recursive: true });
  writeFileSync(reasonFile(version), `${reasons.join('; ')}\n`);
  console.error(`  not to be had: ${reasons.join('; ')}`);
}

function unpack(version, suite, folder) {
  const apt = privateApt(join(folder, 'apt'), suite);
  run('apt-get', [...apt, 'update', '-q']);
  const candidate = /^ {2}Candidate: (\S+)/m.exec(run('apt-cache', [...apt, 'policy', 'haproxy']))?.[1] ?? 'none';
  if (!candidate.startsWith(`${version}.`)) throw new Error(`it has HAProxy ${candidate}, not ${version}`);

  const packages = withLibraries(apt, ['haproxy', 'patchelf']);
  run('apt-get', [...apt, 'download', '-q', ...packages], { cwd: folder });
  const system = join(folder, 'system');
  mkdirSync(system);
  const debs = readdirSync(folder).filter((name) => name.endsWith('.deb'));
  for (const deb of debs) {
    run('dpkg-deb', ['-x', join(folder, deb), system]);
    rmSync(join(folder, deb));
  }
  rmSync(join(folder, 'apt'), { recursive: true });
  makeRunnable(system, binFolder(version));
  const runs = versionOf('haproxy', binFolder(version));
  if (runs !== version) throw new Error(`what was unpacked says it is HAProxy ${runs}`);
}

/** Options for an apt that knows one suite and believes that nothing is installed. */
function privateApt(folder, suite) {
  for (const part of ['lists/partial', 'cache/archives/partial']) mkdirSync(join(folder, part), { recursive: true });
  const signed = existsSync(KEYRING) ? `[signed-by=${KEYRING}] ` : '';
  writeFileSync(join(folder, 'sources.list'), `deb ${signed}${mirror()} ${suite} main\n`);
  writeFileSync(join(folder, 'status'), '');
  const settings = {
    'Dir::Etc::SourceList': join(folder, 'sources.list'),
    'Dir::Etc::SourceParts': '/dev/null',
    'Dir::State::Lists': join(folder, 'lists'),
    'Dir::State::status': join(folder, 'status'),
    'Dir::Cache': join(folder, 'cache'),
    'APT::Sandbox::User': 'root',
    'Acquire::Languages': 'none',
    'Acquire::Retries': '1',
    'Acquire::http::Timeout': '15',
    'Acquire::https::Timeout': '15',
    // Else an update that reached nothing counts as done.
    'APT::Update::Error-Mode': 'any',
  };
  return Object.entries(settings).flatMap(([key, value]) => ['-o', `${key}=${value}`]);
}

/** Where this machine gets Debian's packages, in either form of sources. */
function mirror() {
  const folder = '/etc/apt/sources.list.d';
  const files = ['/etc/apt/sources.list', ...(existsSync(folder) ? readdirSync(folder).map((name) => join(folder, name)) : [])];
  const text = files.map((file) => (existsSync(file) ? readFileSync(file, 'utf8') : '')).join('\n');
  const uri = /^(?:deb .*?|URIs:.*?\s)((?:https?|file|copy):\S+\/debian)\/?(?=\s|$)/m.exec(text)?.[1];
  if (uri === undefined) throw new Error("this machine's package sources name no mirror of Debian");
  return uri;
}

/** The packages, and those of the libraries that they need. */
function withLibraries(apt, packages) {
  const all = new Set(packages);
  let added = packages;
  for (let round = 0; round < ROUNDS_MAX && added.length > 0; round += 1) {
    const needed = [...run('apt-cache', [...apt, 'depends', '--important', ...added]).matchAll(/^ +\|?(?:Pre)?Depends: (\S+)/gm)];
    added = [...new Set(needed.map(([, name]) => name))].filter((name) => /^(lib|zlib)/.test(name) && !all.has(name));
    for (const name of added) all.add(name);
  }
  return [...all];
}

/**
 * The binary asks for its own loader and libraries. Starting the loader by hand would not do: `haproxy -W` executes itself again at each reload.
 */
function makeRunnable(system, bin) {
  const libraries = readdirSync(system, { recursive: true, withFileTypes: true }).filter((entry) => /^lib.*\.so\.\d+/.test(entry.name));
  const path = [...new Set(libraries.map((entry) => entry.parentPath ?? entry.path))].join(':');
  const patchelf = join(system, 'usr/bin/patchelf');
  const haproxy = join(system, 'usr/sbin/haproxy');
  const loader = loaderOf(system);
  run(loader, ['--library-path', path, patchelf, '--set-interpreter', loader, '--force-rpath', '--set-rpath', path, haproxy]);
  mkdirSync(bin, { recursive: true });
  symlinkSync(haproxy, join(bin, 'haproxy'));
}

/** Found by its name: where the packages put it, or a link of theirs to it, is another place from release to release. */
function loaderOf(system) {
  const entries = readdirSync(system, { recursive: true, withFileTypes: true });
  const loader = entries.find((entry) => entry.isFile() && /^ld-linux.*\.so\.\d+$/.test(entry.name));
  if (loader === undefined) throw new Error('the packages hold no loader');
  return join(loader.parentPath ?? loader.path, loader.name);
}

/** @returns {string} its stdout. Throws with the line that says why, else the last one. */
function run(command, args, options = {}) {
  const ran = spawnSync(command, args, { encoding: 'utf8', timeout: COMMAND_TIMEOUT_MS, maxBuffer: OUTPUT_BYTES_MAX, ...options });
  if (ran.error !== undefined) throw new Error(`${command}: ${ran.error.message}`);
  if (ran.status === 0) return ran.stdout;
  const said = ran.stderr.trim().split('\n');
  throw new Error(`${command} failed: ${said.find((line) => /^[EW]: Failed/.test(line)) ?? said.at(-1)}`);
}
