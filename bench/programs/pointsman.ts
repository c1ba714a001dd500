/** pointsman itself: every role that the config asks for in this one process, as `pointsman run` has it. On request its adapters are traced. */
import { loadConfig } from '../../shared/config/load-config.ts';
import { createLogger } from '../../shared/observability/logger.ts';
import { App, rolesOf } from '../../workers/app.ts';
import { redisCommands, takeMarks, traceAdapters } from '../trace.ts';
import { onEnd, say, settingsOf } from './program-end.ts';

const settings = settingsOf<{ config: string; trace: boolean }>();
if (settings.trace) traceAdapters();
const config = await loadConfig(settings.config);
const app = new App(config, rolesOf(config), createLogger({ level: config.log.level }));

process.on('message', (order: { type: string }) => void obey(order.type));

async function obey(order: string): Promise<void> {
  if (order === 'trace') {
    const { user, system } = process.cpuUsage();
    say({ type: 'trace', marks: takeMarks(), commands: redisCommands(), cpu: (user + system) / 1_000 });
  }
  if (order === 'reconfigure') {
    await app.reconfigure(await loadConfig(settings.config));
    say({ type: 'reconfigured' });
  }
}

onEnd(() => app.stop());
await app.start();
say({ type: 'ready' });
