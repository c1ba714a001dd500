/** Who else may use a runtime socket. Whoever may, has the proxy: it is worth knowing, and in nobody's way. */
import { stat } from 'node:fs/promises';
import { isIP } from 'node:net';
import { addressText } from '../../shared/haproxy/dial.ts';
import type { RuntimeAddress } from '../../shared/model/proxy-config.ts';
import { classify } from '../../shared/znode/address.ts';
import { type Finding, note } from './finding.ts';

/** stat(2): others may write, which is what connecting to a unix socket needs. */
const OTHERS_WRITE = 0o002;

export async function exposure(of: string, runtime: RuntimeAddress): Promise<Finding[]> {
  if (runtime.kind === 'unix') {
    const mode = await stat(runtime.path).then(
      (found) => found.mode,
      () => 0,
    );
    if ((mode & OTHERS_WRITE) === 0) return [];
    return [
      note(of, `anybody on this host can change HAProxy through ${addressText(runtime)}: say \`mode 660\` on its \`stats socket\` line`),
    ];
  }
  const { kind, host } = runtime;
  if (kind === 'tls' || host === 'localhost' || (isIP(host) !== 0 && classify(host) === 'loopback')) return [];
  return [
    note(of, `${addressText(runtime)} is neither encrypted nor asks who connects: use TLS with client certificates (docs/operations.md)`),
  ];
}
