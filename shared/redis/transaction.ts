/** Runs a pipeline or a MULTI and gives the values; the first error of any of its commands is thrown. */
import type { ChainableCommander } from 'ioredis';
import { must } from '../errors.ts';

export async function execute(commands: ChainableCommander): Promise<unknown[]> {
  const replies = must(await commands.exec(), 'the reply of a transaction');
  return replies.map(([error, value]) => {
    if (error !== null) throw error;
    return value;
  });
}
