/** The registrar alone, as `pointsman run --roles registrar` has it. */
import { loadConfig } from '../../shared/config/load-config.ts';
import { createLogger } from '../../shared/observability/logger.ts';
import { Registrar } from '../../workers/registrar/registrar.ts';
import { onEnd, say, settingsOf } from './program-end.ts';

const config = await loadConfig(settingsOf<{ config: string }>().config);
const registrar = new Registrar(config, createLogger({ level: config.log.level }));
onEnd(() => registrar.stop());
await registrar.start();
say({ type: 'ready' });
