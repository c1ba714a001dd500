/** How often a worker is asked what it can do. */
import { expect, it } from 'vitest';
import { askedCapabilities } from '../../shared/haproxy/asked-capabilities.ts';

it('a worker is asked once, and the one after a reload again', async () => {
  let asked = 0;
  const send = (lines: readonly string[]): Promise<string[]> => {
    asked += 1;
    expect(lines).toEqual(['help', 'add server help']);
    return Promise.resolve(['  wait {-h|<delay_ms>} cond : wait\n  help [<command>] : list\n', "[3]: Require 'backend/server'.\n"]);
  };
  const connection = { address: 'unix:/asked-capabilities', send };
  const worker = (pid: number) => ({ identity: { pid, startTime: 1_000, stamp: null }, version: '2.6.12' });
  const first = await askedCapabilities(connection, worker(10));
  expect(first).toMatchObject({ version: '2.6.12', waitRemovable: true });
  expect(await askedCapabilities(connection, worker(10))).toEqual(first);
  expect(asked).toBe(1);
  await askedCapabilities(connection, worker(11));
  await askedCapabilities({ ...connection, address: 'unix:/another' }, worker(11));
  expect(asked).toBe(3);
});
