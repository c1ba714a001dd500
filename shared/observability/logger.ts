/** Structured logs (pino): a constant message, the news in fields. Human lines are the CLI's business, not the log's. */
import { destination, type Logger as PinoLogger, pino } from 'pino';

export type Logger = PinoLogger;
export type LogLevel = 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace' | 'silent';

export function createLogger(options: { level: LogLevel; file?: string }): Logger {
  return pino(
    {
      level: options.level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: { paths: ['*.password', '*.credentials', '*.token'], censor: '[redacted]' },
    },
    destination({ dest: options.file ?? 2, sync: true }),
  );
}
