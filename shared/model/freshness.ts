/**
 * Whoever has not been heard of for so long, three of its announcements, is shown as silent: a proxy's reconciler, a watcher, a registrar, the word of a socket that
 * hangs. A proxy that is silent is woken all the same: its jobs wait for a worker. ms
 */
export const ANNOUNCE_FRESH_MS = 30_000;
