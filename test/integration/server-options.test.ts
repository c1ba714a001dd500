/** What each option of a check and a server does, on servers that are added at runtime: seen from the service's side, and in HAProxy's state. */
import { once } from 'node:events';
import { createServer as createHttpServer, type IncomingHttpHeaders } from 'node:http';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { describe, expect, it } from 'vitest';
import { observeBackend } from '../../shared/haproxy/observe.ts';
import { parseTable } from '../../shared/haproxy/parse-table.ts';
import { withRuntime } from '../../shared/haproxy/runtime.ts';
import type { ObservedServer } from '../../shared/model/observed.ts';
import type { ServiceConfig } from '../../shared/model/service-config.ts';
import { cleanupsAfterEach } from '../support/cleanups.ts';
import { HttpService } from '../support/http-service.ts';
import { Pipeline } from '../support/pipeline.ts';
import { until } from '../support/poll.ts';
import { freePort } from '../support/port.ts';
import { serviceConfig } from '../support/service-events.ts';

const cleanups = cleanupsAfterEach();
const TCP_CHECK = { type: 'tcp', interval: 200, rise: 1, fall: 1 } as const;
const HTTP_CHECK = { type: 'http', method: 'GET', path: '/health', interval: 200, rise: 1, fall: 1 } as const;

async function listening(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  cleanups.push(async () => void server.close());
  return (server.address() as AddressInfo).port;
}

async function carrying(config: Partial<ServiceConfig>, ...ports: readonly number[]): Promise<{ pipeline: Pipeline; port: number }> {
  const port = await freePort();
  const pipeline = await Pipeline.start();
  cleanups.push(() => pipeline.stop());
  await pipeline.configure(serviceConfig({ listen: `127.0.0.1:${port}`, ...config }));
  await until('the backend is there', async () => (await servers(pipeline)) !== null, { timeoutMs: 20_000 });
  await pipeline.tell('web', ...ports.map((one) => pipeline.registered(one)), { type: 'complete' });
  return { pipeline, port };
}

async function servers(pipeline: Pipeline): Promise<ReadonlyMap<string, ObservedServer> | null> {
  return withRuntime(pipeline.proxy.runtime, async (connection) => (await observeBackend(connection, 'web'))?.servers ?? null);
}

function server(pipeline: Pipeline, port: number): Promise<ObservedServer | undefined> {
  return servers(pipeline).then((all) => all?.get(`127.0.0.1:${port}`));
}

function isUp(pipeline: Pipeline, port: number): Promise<unknown> {
  return until('it is up', async () => (await server(pipeline, port))?.operation === 'running', { timeoutMs: 20_000 });
}

describe('an HTTP check', () => {
  it('says its host and headers, and takes the status that is expected', async () => {
    const seen: IncomingHttpHeaders[] = [];
    const port = await listening(
      createHttpServer((request, answer) => {
        seen.push(request.headers);
        answer.writeHead(request.headers.host === 'a.internal' ? 418 : 200).end();
      }),
    );
    const check = { ...HTTP_CHECK, host: 'a.internal', headers: { 'X-Why': "it's a check".replace("'", '') }, expect: { status: '418' } };
    const { pipeline } = await carrying({ check }, port);
    await isUp(pipeline, port);
    expect(seen[0]).toMatchObject({ host: 'a.internal', 'x-why': 'its a check' });
  }, 40_000);

  it('takes a body that has the text, and no other', async () => {
    const good = await listening(createHttpServer((_, answer) => answer.end('state: ready "yes"\n')));
    const bad = await listening(createHttpServer((_, answer) => answer.end('state: starting\n')));
    const { pipeline } = await carrying({ check: { ...HTTP_CHECK, expect: { body: 'ready "yes"' } } }, good, bad);
    await isUp(pipeline, good);
    await until('the other failed', async () => (await server(pipeline, bad))?.check === 'failed');
    expect((await server(pipeline, bad))?.operation).toBe('stopped');
  }, 40_000);
});

describe('a server', () => {
  it('that fails is taken out by its answers, long before its check', async () => {
    const [good, failing] = await Promise.all([HttpService.start(), HttpService.start()]);
    cleanups.push(() => Promise.all([good.stop(), failing.stop()]));
    const config = {
      check: { ...HTTP_CHECK, interval: 600_000, fastInterval: 600_000, downInterval: 200 },
      server: { maxConn: null, observe: 'layer7', errorLimit: 2, onError: 'mark-down' },
    } as const;
    const { pipeline, port } = await carrying(config, good.port, failing.port);
    await Promise.all([isUp(pipeline, good.port), isUp(pipeline, failing.port)]);
    failing.behaviour = 'fail';
    await until('it is out', async () => {
      await fetch(`http://127.0.0.1:${port}/`);
      return (await server(pipeline, failing.port))?.operation === 'stopped';
    });
    expect((await server(pipeline, good.port))?.operation).toBe('running');
  }, 40_000);

  it.each([
    ['v1', /^PROXY TCP4 /],
    ['v2', /^\r\n\r\n\0\r\nQUIT\n/],
  ] as const)(
    'is told who comes by the PROXY protocol %s',
    async (sendProxy, beginning) => {
      let first = '';
      const port = await listening(
        createServer((socket) => {
          socket
            .on('error', () => undefined)
            .on('data', (data) => {
              first ||= data.toString('latin1');
              socket.end('bye');
            });
        }),
      );
      const { pipeline, port: frontend } = await carrying({ mode: 'tcp', check: TCP_CHECK, server: { maxConn: null, sendProxy } }, port);
      await isUp(pipeline, port);
      await until('a client', async () => {
        await fetch(`http://127.0.0.1:${frontend}/`).catch(() => undefined);
        return first !== '';
      });
      expect(first).toMatch(beginning);
    },
    40_000,
  );

  it('is connected to from the address that is said', async () => {
    const from = new Set<string | undefined>();
    const port = await listening(
      createHttpServer((request, answer) => {
        from.add(request.socket.remoteAddress);
        answer.end('ok');
      }),
    );
    const { pipeline, port: frontend } = await carrying({ check: TCP_CHECK, server: { maxConn: null, source: '127.0.0.7' } }, port);
    await isUp(pipeline, port);
    await until('it answers', async () => (await fetch(`http://127.0.0.1:${frontend}/`)).status === 200);
    expect([...from]).toEqual(['127.0.0.7']);
  }, 40_000);

  it('is asked by its agent', async () => {
    const [service] = await Promise.all([HttpService.start()]);
    cleanups.push(() => service.stop());
    let asked = '';
    const agent = await listening(
      createServer((socket) => {
        socket
          .on('error', () => undefined)
          .on('data', (data) => {
            asked += data.toString();
            socket.end('up 50%\n');
          });
      }),
    );
    const { pipeline } = await carrying(
      { check: HTTP_CHECK, server: { maxConn: null, agent: { port: agent, interval: 200, send: 'hello' } } },
      service.port,
    );
    await isUp(pipeline, service.port);
    await until('the agent answered', async () => {
      const [text] = await withRuntime(pipeline.proxy.runtime, (connection) => connection.send(['show stat -1 4 -1']));
      return parseTable('show stat', text ?? '', ['svname', 'agent_status'], ',').some((row) => row('agent_status') === 'L7OK');
    });
    expect(asked).toContain('hello');
  }, 40_000);
});
