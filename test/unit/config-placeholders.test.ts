/** `${NAME}` and `${file:/path}`, and that no secret comes out in an error. */
import { describe, expect, it } from 'vitest';
import { formatProblem } from '../../shared/config/problem.ts';
import { type Sources, substitute } from '../../shared/config/substitute.ts';
import { configOf, problemsOf } from '../support/config-text.ts';

const SECRET = 'hunter2';
const sources: Sources = {
  env: {
    ZK_AUTH: `admin:${SECRET}`,
    REDIS_PASSWORD: SECRET,
    EMPTY: '',
    BAD: `nonsense-${SECRET}`,
    NUMBER: '5',
    NESTED: `\${BAD}`,
    YAML: '{ a: 1 }',
  },
  readFile: (path) => {
    if (path === '/run/secrets/zk') return `admin:${SECRET}\r\n`;
    throw Object.assign(new Error(path), { code: 'EACCES' });
  },
};

const placeholder = (name: string): string => `\${${name}}`;
const text = (connect: string, url: string, rest = ''): string => `zookeeper: { connect: ${connect} }\nredis: { url: ${url} }\n${rest}`;

describe('what is replaced', () => {
  const replaced = (written: string): string => substitute(written, sources).text;

  it.each([
    [`a-${placeholder('NUMBER')}-b`, 'a-5-b'],
    [placeholder('EMPTY'), ''],
    [`${placeholder('NUMBER')}${placeholder('NUMBER')}`, '55'],
    [placeholder('file:/run/secrets/zk'), `admin:${SECRET}`],
    [`$${placeholder('NUMBER')}`, placeholder('NUMBER')],
    [placeholder('NESTED'), placeholder('BAD')],
    ['$NUMBER $$ $ {NUMBER}', '$NUMBER $$ $ {NUMBER}'],
  ])('%s', (written, result) => {
    expect(substitute(written, sources)).toEqual({ text: result, unset: [] });
  });

  it('takes nothing from the prototype of the environment', () => {
    expect(replaced(placeholder('toString'))).toBe(placeholder('toString'));
  });

  it('is a text, whatever it looks like, and never YAML', () => {
    const problems = problemsOf(
      text(
        'a',
        '"redis://a"',
        `services: { a: ${JSON.stringify(placeholder('YAML'))}, b: { path: /b, maxInstances: "${placeholder('NUMBER')}" } }\n`,
      ),
      sources,
    );
    expect(problems.map((problem) => problem.key)).toEqual(['services.a', 'services.b.maxInstances']);
  });

  it('reaches the config', () => {
    const config = configOf(
      `zookeeper: { connect: a, auth: { scheme: digest, credentials: "${placeholder('ZK_AUTH')}" } }\nredis: { url: "redis://:${placeholder('REDIS_PASSWORD')}@a" }\n`,
      sources,
    );
    expect(config.zookeeper.auth?.credentials).toBe(`admin:${SECRET}`);
    expect(config.redis.url).toBe(`redis://:${SECRET}@a`);
  });

  it('is not looked for in comments and keys', () => {
    expect(problemsOf(text('a', '"redis://a"', `# ${placeholder('NOPE')}\n`), sources)).toEqual([]);
    expect(problemsOf(text('a', '"redis://a"', `"${placeholder('NUMBER')}": 1\n`), sources)[0]?.found).toBe('an unknown key');
  });
});

describe('what cannot be replaced', () => {
  it.each([
    [placeholder('NOPE'), `${placeholder('NOPE')}, which is not set`],
    [placeholder('file:/nope'), `${placeholder('file:/nope')}, which cannot be read (EACCES)`],
    [placeholder('file:nope'), placeholder('file:nope')],
    [placeholder('no name'), 'a placeholder that is no name'],
    [placeholder(''), 'a placeholder that is no name'],
    [`\${NUMBER`, `\${ without its }`],
  ])('%s is told once, at its place', (written, found) => {
    const problems = problemsOf(text(`"${written}"`, '"redis://a"'), sources);
    expect(problems.map(({ line, column, key, found: what }) => ({ line, column, key, found: what }))).toEqual([
      { line: 1, column: 23, key: 'zookeeper.connect', found },
    ]);
  });

  it('in a list, and in a block of text', () => {
    const rest = `services:\n  a:\n    path: /a\n    allow:\n      cidrs:\n        - 10.0.0.0/8\n        - ${placeholder('NOPE')}\n`;
    expect(problemsOf(text('a', '"redis://a"', rest), sources).map((one) => `${one.line}:${one.column} ${one.key}`)).toEqual([
      '9:11 services.a.allow.cidrs.1',
    ]);
  });
});

describe('no secret is printed', () => {
  const auth = (value: string): string => `zookeeper: { connect: a, auth: ${value} }\nredis: { url: "redis://a" }\n`;

  it.each([
    ['credentials without a user', auth(`{ scheme: digest, credentials: ${SECRET} }`)],
    ['credentials as auth', auth(`admin:${SECRET}`)],
    ['credentials as a scheme', auth(`{ scheme: "${SECRET}", credentials: "a:b" }`)],
    ['credentials as a key', auth(`{ scheme: digest, "admin:${SECRET}" }`)],
    ['credentials as a list', auth(`[digest, ${SECRET}]`)],
    ['credentials as an alias', auth(`{ scheme: digest, credentials: *${SECRET} }`)],
    ['credentials as a tag', auth(`{ scheme: digest, credentials: !${SECRET} a }`)],
    ['credentials in bad YAML', auth(`{ scheme: digest, credentials: "admin:${SECRET}`)],
    ['credentials behind bad YAML', auth(`{ scheme: digest, credentials: "a" ${SECRET} }`)],
    ['credentials that begin with a reserved character', auth(`{ scheme: digest, credentials: @${SECRET} }`)],
    ['credentials with a bad escape', auth(`{ scheme: digest, credentials: "\\q${SECRET}" }`)],
    ['a password in a URL of another scheme', text('a', `"http://user:${SECRET}@b"`)],
    ['a password in a misspelt URL', text('a', `"redis//user:${SECRET}@b"`)],
    ['a password with @ and / in a URL', text('a', `"redis://user:${SECRET}/@${SECRET}@b/x"`)],
    ['a password in a query', text('a', `"redis://b/0?password=${SECRET}"`)],
    ['a URL in place of redis', `zookeeper: { connect: a }\nredis: "redis://:${SECRET}@b"\n`],
    ['a URL elsewhere', text(`"https://user:${SECRET}@b"`, '"redis://a"')],
    ['what came from the environment', text(`"${placeholder('BAD')}/"`, '"redis://a"')],
    ['what came from the environment, in a word of few', text('a', '"redis://a"', `log: { level: "${placeholder('BAD')}" }\n`)],
    ['what came from a file', text(`"${placeholder('file:/run/secrets/zk')}"`, '"redis://a"')],
  ])('%s', (_, written) => {
    const problems = problemsOf(written, sources);
    expect(problems.length).toBeGreaterThan(0);
    expect(problems.map(formatProblem).join('\n')).not.toContain(SECRET);
  });

  it('and what came from the environment is shown as it was written', () => {
    const problems = problemsOf(text('a', '"redis://a"', `log: { level: "${placeholder('BAD')}" }\n`), sources);
    expect(problems[0]?.found).toBe(`"${placeholder('BAD')}" as set`);
  });

  it('and no control character either', () => {
    const [problem] = problemsOf(text('a', '"redis://a"', 'log: { level: "a\\e[31m\\u202e\\nb" }\n'), sources);
    expect(problem?.found).toBe('"a\\u001b[31m\\u{202e}\\nb"');
  });
});
