/** The promise that a log leads to what is stored, kept by every story on real parts: looked at when it ends. */
import { expect } from 'vitest';
import { replayLog } from '../../cli/replay/replay-log.ts';
import type { Config } from '../../shared/config/config.ts';
import { createLogger } from '../../shared/observability/logger.ts';
import { awaitReady } from '../../shared/redis/connection.ts';
import { LogSource } from '../../shared/redis/log-source.ts';
import { closePorts, createPorts } from '../../workers/app.ts';

const READY_MS = 1_000;

/** Replays every service's log, and compares. A Redis that the story has taken away is not asked. */
export async function expectReplayed(url: string, prefix: string): Promise<void> {
  const ports = createPorts({ redis: { url, prefix } } as unknown as Config, createLogger({ level: 'silent' }));
  try {
    const there = await awaitReady(ports.redis, READY_MS).then(
      () => true,
      () => false,
    );
    if (!there) return;
    const source = new LogSource(ports.redis, ports.keys);
    const request = { service: null, until: null, verify: true, skipBad: false, states: false, transitions: false };
    const listener = { transitions: () => Promise.resolve(), progress: () => undefined };
    const { streams } = await replayLog(source, await source.services(), request, listener);
    expect(streams.flatMap(({ result }) => result?.differences ?? [])).toEqual([]);
  } finally {
    await closePorts(ports);
  }
}
