/**
 * PURE. A config text to the effective config, or all that is wrong with it at once, in the order of the file. The environment
 * and the reading of files come in as `sources`.
 */
import { type Config, effectiveConfig } from './config.ts';
import { type Finding, findings } from './issues.ts';
import { isSecret, quoted, shown } from './mask.ts';
import { type ConfigProblem, compareProblems } from './problem.ts';
import { breaches } from './rules.ts';
import { configSchema } from './schema.ts';
import { child, isComplete, validSections } from './sections.ts';
import { type Sources, substitute } from './substitute.ts';
import { type KeyPath, type Position, YamlSource } from './yaml-source.ts';

export type ParsedConfig =
  | { readonly ok: true; readonly config: Config }
  | { readonly ok: false; readonly problems: readonly ConfigProblem[] };

/** Which secrets have to be there: all · only that of Redis, for a command that uses no other; one that is missing becomes WITHHELD. */
export type SecretsNeeded = 'all' | 'redis';

/** It passes for each kind of secret, and opens nothing. */
export const WITHHELD = 'withheld:withheld';

/** `file` is what problems are told with; null when the text came from no file. */
export function parseConfig(text: string, file: string | null, sources: Sources, secrets: SecretsNeeded = 'all'): ParsedConfig {
  const source = new YamlSource(text);
  const problems: ConfigProblem[] = [];
  const add = (position: Position, path: KeyPath, found: string, expected: string, suggestion: string | null = null): void => {
    problems.push({
      file: file ?? '<config>',
      line: position.line,
      column: position.column,
      key: keyText(path),
      found,
      expected,
      suggestion,
    });
  };
  const refused = (): ParsedConfig => ({ ok: false, problems: problems.sort(compareProblems) });

  for (const fault of source.faults) add(fault, [], fault.found, fault.expected);
  if (problems.length > 0) return refused();

  const unset = replacePlaceholders(source, sources, secrets, add);
  const raw = source.value();
  if (typeof raw !== 'object' || raw === null) {
    add(
      { line: 1, column: 1 },
      [],
      raw === null || raw === undefined ? 'an empty file' : 'no map',
      'a map with at least zookeeper and redis',
    );
    return refused();
  }

  const valueAt = (path: KeyPath): unknown => path.reduce<unknown>(child, raw);
  for (const finding of findings(configSchema.safeParse(raw).error?.issues ?? [], valueAt)) {
    if (unset.has(keyText(finding.path))) continue;
    const position = finding.about === 'value' ? source.valueAt(finding.path) : source.keyAt(finding.path);
    add(position, finding.path, foundText(finding, valueAt, source), finding.expected, finding.suggestion);
  }

  const sections = validSections(raw);
  for (const breach of breaches(raw, sections)) {
    const aboutMap = typeof valueAt(breach.path) === 'object';
    add(aboutMap ? source.keyAt(breach.path) : source.valueAt(breach.path), breach.path, breach.found, breach.expected);
  }
  return problems.length > 0 || !isComplete(sections) ? refused() : { ok: true, config: effectiveConfig(file, sections) };
}

/** Returns the keys whose placeholders could not be replaced: they are reported once, as that. */
function replacePlaceholders(
  source: YamlSource,
  sources: Sources,
  secrets: SecretsNeeded,
  add: (position: Position, path: KeyPath, found: string, expected: string) => void,
): ReadonlySet<string> {
  const unset = new Set<string>();
  source.replaceTexts((written, where) => {
    const result = substitute(written, sources);
    if (result.unset.length === 0) return result.text;
    const { path, position } = where();
    if (secrets === 'redis' && isSecret(path)) return substitute(written, sources, WITHHELD).text;
    for (const one of result.unset) add(position, path, one.found, one.expected);
    unset.add(keyText(path));
    return result.text;
  });
  return unset;
}

function foundText(finding: Finding, valueAt: (path: KeyPath) => unknown, source: YamlSource): string {
  if (finding.about === 'unknown-key') return 'an unknown key';
  if (finding.about === 'name') return quoted(String(finding.path.at(-1)));
  return shown(valueAt(finding.path), finding.path, source.writtenAt(finding.path));
}

/** `services.a.listen`; list entries by number. Keys that are no plain words are quoted, and below a secret masked. */
function keyText(path: KeyPath): string {
  const part = (key: PropertyKey, index: number): string => {
    if (typeof key === 'number' || /^[A-Za-z0-9_.*-]{1,64}$/.test(String(key))) return String(key);
    return isSecret(path.slice(0, index)) ? '(masked)' : quoted(String(key));
  };
  return path.map(part).join('.');
}
