/** A whole pointsman that reaches HAProxy under TLS: instances come and go, notices of checks are heard, a reload is taken. */
import { it } from 'vitest';
import { CertificateAuthority } from '../support/certificates.ts';
import { cleanupsAfterEach } from '../support/cleanups.ts';
import { tempFolder } from '../support/folder.ts';
import { startHttpServices } from '../support/http-service.ts';
import { Pipeline } from '../support/pipeline.ts';
import { until } from '../support/poll.ts';
import { freePort } from '../support/port.ts';
import { httpCheck, serviceConfig } from '../support/samples.ts';

const cleanups = cleanupsAfterEach();

it('instances, checks, weights and a reload', async () => {
  const folder = await tempFolder();
  cleanups.push(() => folder.remove());
  const authority = await CertificateAuthority.make(folder.path, 'fleet');
  const haproxy = await authority.sign('haproxy', 'DNS:edge.test');
  const ours = await authority.sign('pointsman', 'DNS:pointsman.test');
  const port = await freePort();
  const tls = { ca: authority.cert, cert: ours.cert, key: ours.key, serverName: 'edge.test' };
  const services = await startHttpServices(2);
  cleanups.push(async () => void (await Promise.all(services.map((service) => service.stop()))));
  const [first, second] = services.map((service) => service.port) as [number, number];
  const pipeline = await Pipeline.start({ proxy: { runtime: { kind: 'tls', host: '127.0.0.1', port, tls } }, managedBy: 'others' });
  cleanups.push(() => pipeline.stop());
  const base = 'defaults base\n  mode http\n  timeout connect 2s\n  timeout client 10s\n  timeout server 10s\n';
  await pipeline.haproxy.configure({
    sections: `${base}
listen runtime-tls
  mode tcp
  bind 127.0.0.1:${port} ssl crt ${haproxy.pem} ca-file ${authority.cert} verify required
  timeout client 1h
  timeout server 1h
  server cli unix@${pipeline.haproxy.runtime.path}
`,
  });
  await pipeline.startHaproxy();
  const state = async (): Promise<string> => (await pipeline.haproxy.cli('show servers state web'))[0] ?? '';
  const inSync = (): Promise<unknown> =>
    until('the backend to be in sync', async () => (await pipeline.backendState('web')) === 'in-sync', { timeoutMs: 20_000 });
  const up = (at: number): Promise<unknown> =>
    until(`${at} to be up`, async () => new RegExp(` 127\\.0\\.0\\.1:${at} 127\\.0\\.0\\.1 2 `).test(await state()));

  await pipeline.configure(serviceConfig({ name: 'web', check: httpCheck(200) }));
  await pipeline.tell('web', pipeline.registered(first), pipeline.registered(second));
  await up(first);
  await up(second);
  await inSync();
  const hearing = async (): Promise<string> => (await pipeline.app.ports.proxies.state('edge'))['hearing'] ?? '';
  await until('notices to be heard', async () => (await hearing()).includes('"ring"'));

  const worker = await pipeline.haproxy.workerPid();
  await pipeline.configure(serviceConfig({ name: 'web', check: httpCheck(300), listen: `127.0.0.1:${await freePort()}` }));
  await until('the reload', async () => (await pipeline.haproxy.workerPid()) !== worker, { timeoutMs: 20_000 });
  await inSync();
  await pipeline.tell('web', pipeline.registered(first, { weight: 9 }));
  await until('the weight', async () => new RegExp(` 127\\.0\\.0\\.1:${first} 127\\.0\\.0\\.1 2 \\d+ 9 `).test(await state()));
  await until('notices of the new worker', async () => (await hearing()).includes('"ring"'), { timeoutMs: 20_000 });
  await inSync();
}, 90_000);
