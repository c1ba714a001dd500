/**
 * PURE. Servers that only our files make: those that stand in while no registered one is up, and one that is never used, by which HAProxy loads the files that
 * servers added later name. No instance has such a name, and their ids lie beyond those of instances.
 */
import { SERVER_ID_MAX } from './desired.ts';

const FALLBACK = 'pointsman-fallback-';
export const LOADING_NAME = 'pointsman-tls';
export const LOADING_ID = SERVER_ID_MAX + 1;
export const FALLBACKS_MAX = 16;
/** Of any server in our files. */
export const FILE_SERVER_ID_MAX = LOADING_ID + FALLBACKS_MAX;

/** `index` from 0. */
export function fallbackServer(index: number): { readonly name: string; readonly id: number } {
  return { name: `${FALLBACK}${index + 1}`, id: LOADING_ID + 1 + index };
}

/** Whether a server is the files' own, and none that is planned for. */
export function isFileServer(name: string): boolean {
  return name === LOADING_NAME || (name.startsWith(FALLBACK) && /^[1-9]\d?$/.test(name.slice(FALLBACK.length)));
}
