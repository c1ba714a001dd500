/** What a command gets from the frame: the global options, the config, and where to print. */
import type { Config } from '../shared/config/config.ts';
import type { SecretsNeeded } from '../shared/config/parse-config.ts';
import type { DesiredSource } from './desired-source.ts';

export type ExitCode = 0 | 1 | 2 | 3;

export interface CliContext {
  /** `--config`; null: the default places are searched. */
  readonly configFile: string | null;
  readonly verbose: boolean;
  /** Of a run that throws nothing; a command sets it. */
  exitCode: ExitCode;
  /** The config, read and validated. `secrets`: those that have to be there; default: all. Throws CONFIG_NOT_FOUND or a ConfigError. */
  loadConfig(secrets?: SecretsNeeded): Promise<Config>;
  /** The servers that Redis knows; null: no Redis is there to ask. */
  desiredSource(config: Config): Promise<DesiredSource | null>;
  /** A line for stdout: the result. */
  readonly print: (line: string) => void;
  /** The same, and waits until it was taken: for what has no end. */
  readonly write: (line: string) => Promise<void>;
  /** A line for stderr: errors and notes. */
  readonly tell: (line: string) => void;
}
