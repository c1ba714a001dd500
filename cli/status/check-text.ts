/** PURE. A service's check in a few words. */
import type { CheckConfig } from '../../shared/model/service-config.ts';

export function checkText(check: CheckConfig): string {
  switch (check.type) {
    case 'none':
      return 'none';
    case 'tcp':
      return 'tcp';
    case 'http':
      return `${check.method} ${check.path}`;
  }
}
