/** What services asked for, against a config that says one instance twice: `check` refuses such a one, and nothing is registered by it either. */
import { expect, it } from 'vitest';
import type { RegisterConfig } from '../../shared/model/register.ts';
import { readAsk } from '../../workers/registrar/ask.ts';
import { Requests } from '../../workers/registrar/requests.ts';
import { configOf, LEAST } from '../support/config-text.ts';

/** Each entry by itself is valid. */
function requests(...entries: readonly string[]): Requests {
  const made = new Requests(() => {});
  made.configure(
    entries.flatMap(
      (entry): readonly RegisterConfig[] => configOf(`${LEAST}register:\n  - { service: web, path: /s, ${entry} }\n`).register,
    ),
  );
  return made;
}

const OPEN = 'address: "10.0.0.5:8080", by: service, allow: { ports: 8000-8010 }';

it('no request makes a second znode of an instance at one path', () => {
  const ofHost = requests('address: "10.0.0.5:8001"', `${OPEN}, format: nerve`);
  expect(() => ofHost.renew(readAsk({ service: 'web', port: 8001 }))).toThrow('/s/10.0.0.5:8001 is what this host registers by itself');
  expect(ofHost.renew(readAsk({ service: 'web', port: 8002 }))).toMatchObject({ instance: '10.0.0.5:8002', isNew: true });
  const twoForms = requests(OPEN, `${OPEN}, format: nerve`);
  expect(() => twoForms.renew(readAsk({ service: 'web' }))).toThrow('/s/10.0.0.5:8080 and /s/10.0.0.5:8080_ would be one instance twice');
  expect([...twoForms.wanted().keys()]).toEqual([]);
  ofHost.close();
  twoForms.close();
});
