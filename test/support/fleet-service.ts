/** What tests tell a fleet of a service, and what `pointsman status` makes of it. */
import { readReport } from '../../cli/status/read-report.ts';
import type { StatusReport } from '../../cli/status/report.ts';
import type { ServiceEvent } from '../../shared/model/event.ts';
import type { App } from '../../workers/app.ts';

export function registeredAt(port: number): ServiceEvent {
  const said = { host: '127.0.0.1', address: '127.0.0.1', port, weight: 1, labels: {} };
  const znode = { name: `127.0.0.1:${port}`, czxid: '1', mzxid: '1', version: 0 };
  return { type: 'registered', instance: znode.name, znode, said: { registration: said } };
}

export async function readFleetStatus(app: App): Promise<StatusReport> {
  return readReport({ services: [], proxies: [] } as unknown as Parameters<typeof readReport>[0], app.ports, null, Date.now());
}
