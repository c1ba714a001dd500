/** Runs a Lua script by its hash, loading it when Redis does not know it. */
import { createHash } from 'node:crypto';
import type { Redis } from 'ioredis';

const hashes = new Map<string, string>();

/** Loads scripts beforehand, so that their first run is one trip and keeps its place among the commands sent with it. */
export async function loadScripts(redis: Redis, scripts: readonly string[]): Promise<void> {
  await Promise.all(scripts.map((script) => redis.script('LOAD', script)));
}

export async function runScript(redis: Redis, script: string, keys: readonly string[], args: readonly string[]): Promise<unknown> {
  let hash = hashes.get(script);
  if (hash === undefined) {
    hash = createHash('sha1').update(script).digest('hex');
    hashes.set(script, hash);
  }
  try {
    return await redis.evalsha(hash, keys.length, ...keys, ...args);
  } catch (error) {
    if (!(error instanceof Error) || !error.message.startsWith('NOSCRIPT')) throw error;
    return redis.eval(script, keys.length, ...keys, ...args);
  }
}
