/** Config texts for tests: the least that is valid, and what a text parses to. */

import type { Config } from '../../shared/config/config.ts';
import { parseConfig } from '../../shared/config/parse-config.ts';
import type { ConfigProblem } from '../../shared/config/problem.ts';
import type { Sources } from '../../shared/config/substitute.ts';

/** Two lines; a test's own text begins at line 3. */
export const LEAST = 'zookeeper: { connect: "127.0.0.1:2181" }\nredis: { url: "redis://127.0.0.1:6379/0" }\n';

export const NO_SOURCES: Sources = {
  env: {},
  readFile: (path) => {
    throw Object.assign(new Error(path), { code: 'ENOENT' });
  },
};

/** Throws, with the problems, when there are any. */
export function configOf(text: string, sources: Sources = NO_SOURCES): Config {
  const parsed = parseConfig(text, null, sources);
  if (!parsed.ok) throw new Error(`the config has problems: ${JSON.stringify(parsed.problems)}`);
  return parsed.config;
}

export function problemsOf(text: string, sources: Sources = NO_SOURCES): readonly ConfigProblem[] {
  const parsed = parseConfig(text, 'pointsman.yaml', sources);
  return parsed.ok ? [] : parsed.problems;
}
