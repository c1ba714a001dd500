/**
 * The janitor: a process that waits for the end of the demo's own. Should that be killed so that it cannot stop what it started, the
 * processes that were still running are ended here, by the pids (each the leader of its own group) that it told.
 */
const running = new Set<number>();

process.on('message', (news: { started?: number; ended?: number }) => {
  if (news.started !== undefined) running.add(news.started);
  if (news.ended !== undefined) running.delete(news.ended);
});
// The demo ends, killed or not: in the second case nothing runs any more.
process.once('disconnect', () => {
  for (const pid of running) {
    try {
      process.kill(-pid, 'SIGKILL');
    } catch {
      // It has ended by itself.
    }
  }
  process.exit(0);
});
