/** What the log says of blocked backends: once per change, together when the reason is one. */
import { expect, it } from 'vitest';
import { type BackendEvent, newBackend, stepBackend } from '../../machines/backend.ts';
import { createLogger } from '../../shared/observability/logger.ts';
import { BackendTeller } from '../../workers/reconciler/backend-teller.ts';

function teller(): { tell: (event: BackendEvent, ...services: string[]) => void; told: unknown[] } {
  const told: unknown[] = [];
  const logger = createLogger({ level: 'silent' });
  const note = (fields: unknown, text?: string): void => void told.push([text, fields]);
  const heard = Object.assign(Object.create(logger) as typeof logger, { warn: note, info: note });
  const backends = new BackendTeller('edge', heard);
  const tell = (event: BackendEvent, ...services: string[]): void =>
    backends.tell(new Map(services.map((service) => [service, stepBackend(newBackend(), event)])));
  return { tell, told };
}

const blocked = (detail: string): BackendEvent => ({ type: 'blocked', at: 1, detail, nextTry: null });

it('tells a reason once, another one again, and the end of it', () => {
  const { tell, told } = teller();
  tell(blocked('unknown keyword'), 'api', 'web');
  tell(blocked('unknown keyword'), 'api', 'web');
  tell({ type: 'reloading', at: 2 }, 'web');
  tell(blocked('unknown keyword'), 'web');
  tell(blocked('cannot bind'), 'web');
  tell({ type: 'synced', at: 3, revision: 1 }, 'web', 'other');
  tell({ type: 'synced', at: 3, revision: 1 }, 'web', 'other');
  expect(told).toEqual([
    ['blocked', { proxy: 'edge', services: ['api', 'web'], reason: 'unknown keyword' }],
    ['blocked', { proxy: 'edge', services: ['web'], reason: 'cannot bind' }],
    ['no longer blocked', { proxy: 'edge', services: ['web'] }],
  ]);
});
