/** A HAProxy that runs as a daemon, known by its pid file alone. */
import { readFile } from 'node:fs/promises';
import { isHaproxy } from '../../shared/haproxy/process-status.ts';
import { until } from './poll.ts';

/** Ends those that the file names and that are HAProxy, each by its pid. */
export async function endDaemon(pidFile: string): Promise<void> {
  const words = (await readFile(pidFile, 'utf8').catch(() => '')).split(/\s+/);
  for (const pid of words.filter((word) => /^[1-9]\d*$/.test(word)).map(Number)) {
    if (!(await isHaproxy(pid, 'haproxy'))) continue;
    process.kill(pid, 'SIGTERM');
    await until('the daemon to end', async () => !(await isHaproxy(pid, 'haproxy')));
  }
}
