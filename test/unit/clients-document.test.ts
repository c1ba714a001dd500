/** docs/clients and docs/migrating.md: the configs in them are valid, the registrations in them are read by those configs, and every page can be found. */
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { nerve } from '../../shared/znode/nerve.ts';
import { serverset } from '../../shared/znode/serverset.ts';
import { configOf, LEAST } from '../support/config-text.ts';
import { projectFiles, read } from '../support/tree.ts';

const PAGES = projectFiles().filter((path) => /^docs\/clients\/.*\.md$/.test(path));
const blocks = (page: string): string[] => [...read(page).matchAll(/^```yaml\n([\s\S]*?)^```/gm)].map(([, text]) => text ?? '');
const ours = (text: string): boolean => Object.keys(parse(text) as object).includes('services');

describe('the pages of registry clients', () => {
  it('are there for each client, and linked from the page of registrations', () => {
    expect(PAGES.length).toBe(6);
    for (const page of PAGES) expect(read('docs/registration.md')).toContain(page.replace('docs/', '('));
  });

  it.each([...PAGES, 'docs/migrating.md'])('%s has a config that is valid', (page) => {
    const configs = blocks(page).filter(ours);
    expect(configs.length).toBe(1);
    for (const text of configs) expect(() => configOf(LEAST + text)).not.toThrow();
  });

  it.each(PAGES.filter((page) => read(page).includes('`discover: ')))('%s has a discover that is valid', (page) => {
    const [, text = ''] = /`(discover: .*)`,? ?(?:\(|with)/.exec(read(page)) ?? [];
    expect(() => configOf(`${LEAST}${text}\n`)).not.toThrow();
  });

  it('show registrations that are read', () => {
    const shown = (page: string): string => /`(\{"(?:host|serviceEndpoint)".*?\})`/.exec(read(`docs/clients/${page}.md`))?.[1] ?? '';
    const of = (codec: typeof nerve, page: string, endpoint: string | null) => codec('x', Buffer.from(shown(page)), { endpoint });
    expect(of(nerve, 'nerve', null).said()).toMatchObject({ weight: 2, labels: { az: 'b' } });
    expect(of(serverset, 'finagle', null)).toMatchObject({ host: 'h1', port: 31_943 });
    expect(of(serverset, 'finagle', 'admin')).toMatchObject({ port: 31_944 });
  });
});
