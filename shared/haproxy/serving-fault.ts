/** Whether a master of HAProxy has a worker that serves. */
import type { RuntimeAddress, SocketAddress } from '../model/proxy-config.ts';
import { masterProcesses } from './master.ts';
import { identify } from './observe.ts';
import { withRuntime } from './runtime.ts';

/** Why the worker that answers is not one that serves; null: it is. Throws what asking throws. */
export async function servingFault(master: SocketAddress, runtime: RuntimeAddress): Promise<string | null> {
  const [{ workers, oldWorkers }, { identity, stopping }] = await Promise.all([masterProcesses(master), withRuntime(runtime, identify)]);
  if (stopping) return `its worker ${identity.pid} is stopping`;
  return [...workers, ...oldWorkers].includes(identity.pid)
    ? null
    : `the runtime socket is answered by pid ${identity.pid}, no worker of it`;
}
