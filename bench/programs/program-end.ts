/** How a program of the bench takes its settings and ends: on SIGTERM, or when the bench itself is gone. */

export function settingsOf<T>(): T {
  return JSON.parse(process.argv[2] ?? '{}') as T;
}

export function say(message: { readonly type: string; readonly [key: string]: unknown }): void {
  process.send?.(message, () => undefined);
}

/** `stop` runs once, whatever ends the program. */
export function onEnd(stop: () => Promise<void> | void): void {
  let ending = false;
  const end = (): void => {
    if (ending) return;
    ending = true;
    void Promise.resolve(stop()).finally(() => process.exit(0));
  };
  process.once('SIGTERM', end);
  process.once('SIGINT', () => undefined);
  process.once('disconnect', end);
}
