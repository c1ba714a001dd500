/**
 * A config file that may change while we run. On SIGHUP, and when the file's text differs from what was read last, the file is
 * read and checked: a valid config is handed on, an invalid one is told and the old one stays. An event only says "look again":
 * the folder is watched, because editors and `mv` replace the file, and what counts is the text.
 */
import { type FSWatcher, watch } from 'node:fs';
import { dirname, resolve } from 'node:path';
import type { Config } from './config.ts';
import { configFromText, readConfigText } from './load-config.ts';

/** ms of quiet after an event before the file is read, so that a file that is being written is read once, whole. */
const QUIET_MS = 200;
/** ms after the first event at which the file is read even if events go on. */
const QUIET_MAX_MS = 2_000;

export interface ConfigWatch {
  /** No callback comes after it. Safe to call twice. */
  close(): void;
}

export interface ConfigWatchHandlers {
  onConfig(config: Config): void;
  /** A ConfigError, CONFIG_NOT_FOUND, or what keeps the folder from being watched; SIGHUP still works then. */
  onError(error: unknown): void;
}

/** `current` is the config in force: a file that has changed since it was read is noticed at once. */
export function watchConfig(file: string, current: Config, handlers: ConfigWatchHandlers): ConfigWatch {
  let inForce = JSON.stringify(current);
  let last: Reading | null = null;
  let firstEvent: number | null = null;
  let timer: NodeJS.Timeout | null = null;
  let reading: Promise<void> = Promise.resolve();
  let closed = false;

  const look = async (force: boolean): Promise<void> => {
    const now = await readText(file);
    if (closed || (!force && now.text === last?.text && now.failed === last.failed)) return;
    last = now;
    const read = now.text === null ? { error: now.error } : configOrError(now.text, file);
    if ('error' in read) return handlers.onError(read.error);
    const asText = JSON.stringify(read.config);
    if (!force && asText === inForce) return;
    inForce = asText;
    handlers.onConfig(read.config);
  };
  const enqueue = (force: boolean): void => {
    reading = reading.then(() => look(force));
  };
  const onEvent = (): void => {
    const now = performance.now();
    firstEvent ??= now;
    if (timer !== null) clearTimeout(timer);
    timer = setTimeout(
      () => {
        firstEvent = null;
        timer = null;
        enqueue(false);
      },
      Math.max(0, Math.min(QUIET_MS, firstEvent + QUIET_MAX_MS - now)),
    );
  };
  const onHangup = (): void => enqueue(true);

  const watcher = watchFolder(dirname(resolve(file)), onEvent, handlers);
  process.on('SIGHUP', onHangup);
  // It may have changed since it was read, and may be in the midst of it.
  onEvent();
  return {
    close() {
      closed = true;
      if (timer !== null) clearTimeout(timer);
      watcher?.close();
      process.off('SIGHUP', onHangup);
    },
  };
}

/** A file's text, or why it cannot be had; `failed` tells one reason from another. */
type Reading = { readonly text: string; readonly failed: null } | { readonly text: null; readonly failed: string; readonly error: unknown };

async function readText(file: string): Promise<Reading> {
  try {
    return { text: await readConfigText(file), failed: null };
  } catch (error) {
    return { text: null, failed: String(error), error };
  }
}

function configOrError(text: string, file: string): { readonly config: Config } | { readonly error: unknown } {
  try {
    return { config: configFromText(text, file) };
  } catch (error) {
    return { error };
  }
}

function watchFolder(folder: string, onEvent: () => void, handlers: ConfigWatchHandlers): FSWatcher | null {
  try {
    const watcher = watch(folder, { persistent: false }, onEvent);
    watcher.on('error', (error) => handlers.onError(error));
    return watcher;
  } catch (error) {
    handlers.onError(error);
    return null;
  }
}
