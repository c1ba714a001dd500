/** Consistent hashing on a real HAProxy: ids, and nothing else, decide which server gets which request, and every server added at runtime gets its share. */
import { get } from 'node:http';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { DesiredServer } from '../../shared/model/desired.ts';
import { HTTP_DEFAULTS, TestHaproxy } from '../support/haproxy.ts';
import { type HttpService, startHttpServices } from '../support/http-service.ts';
import { freePort } from '../support/port.ts';
import { RuntimePasses, servers } from '../support/runtime-pass.ts';
import { desiredBackend, serviceConfig } from '../support/samples.ts';

const PATHS = 200;
const CONFIG = serviceConfig({ check: { type: 'none' } });
let haproxy: TestHaproxy;
let services: HttpService[];
let [runtimePort, filePort] = [0, 0];

beforeAll(async () => {
  [runtimePort, filePort] = [await freePort(), await freePort()];
  services = await startHttpServices(4);
  const lines = services.map((service, index) => `  server other-${4 - index} 127.0.0.1:${service.port} id ${index + 1}`);
  haproxy = await TestHaproxy.start({
    sections: `${HTTP_DEFAULTS}
frontend web:in
  bind 127.0.0.1:${runtimePort}
  default_backend web
backend web
  balance uri
  hash-type consistent
frontend file:in
  bind 127.0.0.1:${filePort}
  default_backend file
backend file
  balance uri
  hash-type consistent
${lines.reverse().join('\n')}
`,
  });
});

afterAll(async () => {
  await haproxy.stop();
  await Promise.all(services.map((service) => service.stop()));
});

function serviceOf(port: number, path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    get({ host: '127.0.0.1', port, path }, (response) => {
      response.resume();
      resolve(String(response.headers['x-port']));
    }).once('error', reject);
  });
}

async function share(port: number): Promise<string[]> {
  const answers: string[] = [];
  for (let index = 0; index < PATHS; index += 1) answers.push(await serviceOf(port, `/item/${index}`));
  return answers;
}

function all(): DesiredServer[] {
  return services.map((service, index) => {
    const name = `127.0.0.1:${service.port}`;
    return { instance: name, name, id: index + 1, address: '127.0.0.1', port: service.port, weight: 1, admin: 'ready' };
  });
}

it('servers added at runtime share the ring as the same ids in a file do', async () => {
  const passes = new RuntimePasses(haproxy);
  await passes.converge(desiredBackend(all(), CONFIG));
  expect([...(await servers(haproxy)).values()].map(({ id }) => id).sort((a, b) => a - b)).toEqual([1, 2, 3, 4]);
  const before = await share(runtimePort);
  expect(new Set(before).size).toBe(4);
  expect(before).toEqual(await share(filePort));

  // One leaves and comes back: the others' requests stay where they were.
  const left = all().slice(1);
  await passes.converge(desiredBackend(left, CONFIG), 15_000);
  const without = await share(runtimePort);
  const gone = String(services[0]?.port);
  expect(without.filter((port, index) => before[index] !== gone && port !== before[index])).toEqual([]);
  expect(without).not.toContain(gone);
  await passes.converge(desiredBackend(all(), CONFIG));
  expect(await share(runtimePort)).toEqual(before);
});
