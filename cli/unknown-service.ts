/** PURE. What every command says of a service that nobody knows. */
import { PointsmanError } from '../shared/errors.ts';
import type { ServiceName } from '../shared/model/ids.ts';

/** Names told. */
const NAMED_MAX = 10;

/** `known`: the services that there are. */
export function unknownService(service: ServiceName, known: readonly ServiceName[]): PointsmanError {
  const some = known.slice(0, NAMED_MAX).join(', ');
  return new PointsmanError('USAGE', `nobody knows a service ${JSON.stringify(service)}`, {
    hint: known.length === 0 ? 'no service is configured or on record yet' : `there are: ${some}${known.length > NAMED_MAX ? ', …' : ''}`,
    retry: 'terminal',
  });
}
