/** A process that holds the registrations of several instances on one session: what a host's registrar is. Ends with the process that started it. */
import { createLogger } from '../../shared/observability/logger.ts';
import type { Order } from './messages.ts';
import { Registrar } from './registrar.ts';

const { connect, sessionTimeout } = JSON.parse(process.argv[2] ?? '{}') as { connect: string; sessionTimeout: number };
const registrar = new Registrar({
  connect,
  sessionTimeout,
  logger: createLogger({ level: 'info' }),
  report: (report) => process.send?.(report, () => undefined),
});
process.on('message', (order: Order) => registrar.order(order));
for (const signal of ['SIGTERM', 'disconnect'] as const) {
  process.once(signal, () => void registrar.stop().finally(() => process.exit(0)));
}
registrar.start();
