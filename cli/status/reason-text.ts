/** PURE. Reasons of an instance's state that take more than a word. */
import type { Rejection } from '../../shared/model/registration.ts';

/** A znode's own name, which stands beside it anyway, is not said again. */
export function rejectionText(instance: string, { code, detail }: Rejection): string {
  const name = instance.startsWith('znode:') ? `${instance.slice('znode:'.length)}: ` : null;
  return `${code}: ${name !== null && detail.startsWith(name) ? detail.slice(name.length) : detail}`;
}

/** `path`: where it is registered. */
export function behindText(path: string | undefined): string {
  return `stands by where a server of a path before ${path ?? 'its own'} is up`;
}
