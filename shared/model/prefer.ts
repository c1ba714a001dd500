/** PURE. Which instances of a service are near: those that carry one of the values of each label that is named. The others stand by. */
import type { ServerOptions } from './server-options.ts';

/** By label, the values that are near. */
export type Prefer = Readonly<Record<string, readonly string[]>>;

/** Whether it only stands by until no near one is up. */
export function isFar(prefer: Prefer | undefined, labels: Readonly<Record<string, string>>): boolean {
  if (prefer === undefined) return false;
  return Object.entries(prefer).some(([label, values]) => !Object.hasOwn(labels, label) || !values.includes(labels[label] ?? ''));
}

/** Whether a service may have servers that stand by: for their labels, or because they ask to. */
export function mayStandBy({ prefer, server }: { readonly prefer?: Prefer; readonly server: Pick<ServerOptions, 'options'> }): boolean {
  return prefer !== undefined || server.options?.includes('backup') === true;
}
