/** The entries of `register` that are of a service. */
import type { Config } from '../shared/config/config.ts';
import { PointsmanError } from '../shared/errors.ts';
import type { RegisterConfig } from '../shared/model/register.ts';
import { printable } from './printable.ts';

/** At least one. @throws PointsmanError USAGE: the config has none */
export function registeredHere({ register }: Pick<Config, 'register'>, service: string): readonly RegisterConfig[] {
  const entries = register.filter((entry) => entry.service === service);
  if (entries.length > 0) return entries;
  const services = [...new Set(register.map((entry) => entry.service))].sort();
  throw new PointsmanError('USAGE', `this config registers nothing of ${printable(service)}`, {
    hint: services.length === 0 ? 'it has no entry under `register`' : `it registers ${services.join(', ')}`,
    retry: 'terminal',
  });
}
