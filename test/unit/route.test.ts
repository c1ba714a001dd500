/** What the shared frontend finds a service by: the keys of its map, what may stand in one, and what is rendered. */
import { describe, expect, it } from 'vitest';
import { httpFrontendLines } from '../../shared/haproxy/render-http.ts';
import { globalFile, proxyStamp } from '../../shared/haproxy/render-managed.ts';
import { renderRoutes, routesOf } from '../../shared/haproxy/render-routes.ts';
import { structureOf } from '../../shared/haproxy/render-service.ts';
import { isRouteKey, routeKey } from '../../shared/model/route.ts';
import { configOf, LEAST, problemsOf } from '../support/config-text.ts';
import { DEFAULTS, proxyConfig, serviceConfig } from '../support/render-input.ts';

function broken(text: string): string[] {
  return problemsOf(LEAST + text).map((problem) => `${problem.line}:${problem.column} ${problem.key}: ${problem.found}`);
}

describe('a key', () => {
  it.each([
    [{ host: 'a.local' }, 'a.local/'],
    [{ host: 'a.local', pathPrefix: '/' }, 'a.local/'],
    [{ host: 'a.local', pathPrefix: '/x/y' }, 'a.local/x/y/'],
    [{ pathPrefix: '/x' }, '/x/'],
    [{ pathPrefix: '/' }, '/'],
    [{}, null],
  ])('of %o is %s', (config, key) => {
    expect(routeKey(config)).toBe(key);
    expect(key === null || isRouteKey(key)).toBe(true);
  });

  it.each(['a', 'A.local/', 'a b/', 'a.local/x y/', 'a.local//', '/../', '/a/./', '#a/', 'a;b/', 'a.local/\n/', '-a/', 'a../', '/ä/'])(
    '%j may not stand in a map',
    (key) => {
      expect(isRouteKey(key)).toBe(false);
      expect(() => renderRoutes(new Map([[key, 'web']]))).toThrow();
    },
  );
});

describe('the config', () => {
  it('takes a host in lower case, and a path', () => {
    const { services, proxies } = configOf(
      `${LEAST}services: { a: { path: /a, host: Shop_1.Local, pathPrefix: /x } }
proxies: { p: { runtime: "unix:/run/a.sock", start: true, managed: /m, http: { listen: "127.0.0.1:8080" } } }\n`,
    );
    expect(services[0]).toMatchObject({ host: 'shop_1.local', pathPrefix: '/x' });
    expect(proxies[0]?.http).toEqual({ listen: '127.0.0.1:8080' });
  });

  it.each(['a b', 'a/b', 'a:80', '"*.local"', '-a.local', 'a..b', 'a.local.', '"a;b"'])('refuses the host %s', (host) => {
    expect(broken(`services: { a: { path: /a, host: ${host} } }\n`)[0]).toMatch(/^3:\d+ services\.a\.host/);
  });

  it.each(['x', '/x/', '//x', '/../x', '/x/.', '"/x y"', '"/x%20"', '"/x?y"', '"/x;y"'])('refuses the path %s', (path) => {
    expect(broken(`services: { a: { path: /a, pathPrefix: ${path} } }\n`)[0]).toMatch(/^3:\d+ services\.a\.pathPrefix/);
  });

  it('refuses what two services claim, with every other mistake', () => {
    expect(
      broken(`services:
  a: { path: /a, host: shop.local }
  b: { path: /b, host: SHOP.local, pathPrefix: / }
  c: { path: /c, pathPrefix: /x, mode: tcp }
  d: { path: /d, host: shop.local, pathPrefix: /x }
`),
    ).toEqual(['5:24 services.b.host: shop.local/, which service a has', '6:30 services.c.pathPrefix: pathPrefix with mode: tcp']);
  });

  it('refuses a shared frontend where somebody else listens, and one without files', () => {
    const proxy = (id: string, rest: string): string =>
      `  ${id}: { runtime: "unix:/run/${id}.sock", ${rest}, http: { listen: "*:8080" } }\n`;
    expect(
      broken(`services: { a: { path: /a, listen: "127.0.0.1:8080" } }
proxies:
${proxy('p', 'start: true, managed: /m')}${proxy('q', 'runtimeOnly: true')}`),
    ).toEqual(['5:79 proxies.p.http.listen: *:8080, which service a has (127.0.0.1:8080)', '6:56 proxies.q.http: http with runtimeOnly']);
  });
});

describe('what is rendered', () => {
  it('is one frontend, which a change of routes leaves as it is', () => {
    expect(httpFrontendLines({ listen: '127.0.0.1:8080', folder: '/etc/haproxy/pointsman.d' })).toMatchInlineSnapshot(`
      [
        "# The shared frontend: services with a host or a path prefix, found in a map that changes without a reload.",
        "frontend pointsman:http from pointsman-http",
        "    bind 127.0.0.1:8080",
        "    http-request set-var(txn.pointsman_path) path,concat(/)",
        "    http-request set-var(txn.pointsman_key) req.hdr(host),field(1,:),rtrim(.),lower,concat(,txn.pointsman_path)",
        "    http-request set-var(txn.pointsman_route) var(txn.pointsman_key),map_beg(/etc/haproxy/pointsman.d/routes.map)",
        "    http-request set-var(txn.pointsman_route) var(txn.pointsman_path),map_beg(/etc/haproxy/pointsman.d/routes.map) unless { var(txn.pointsman_route) -m found }",
        "    http-request return status 404 content-type text/plain string "No service has this host and path.\\n" unless { var(txn.pointsman_route) -m found }",
        "    use_backend %[var(txn.pointsman_route)]",
        "    default_backend pointsman:nowhere",
        "",
        "backend pointsman:nowhere from pointsman-http",
        "    # What is made at runtime is noted in a map in memory, which HAProxy has when something refers to it.",
        "    .if version_atleast(3.4)",
        "    http-request set-var(txn.pointsman_made) var(txn.pointsman_route),map(virt@pointsman-made)",
        "    .endif",
        "    http-request return status 503 content-type text/plain string "The service of this host and path is not loaded yet.\\n"",
        "",
      ]
    `);
    const http = { listen: '127.0.0.1:8080' };
    expect(globalFile('p', proxyConfig({ http }))).toContain('frontend pointsman:http');
    expect(globalFile('p', proxyConfig({}))).not.toContain('pointsman:http');
    expect(proxyStamp('p', proxyConfig({ http }))).not.toBe(proxyStamp('p', proxyConfig({})));
    expect(structureOf(serviceConfig({ host: 'a.local', pathPrefix: '/x' }), DEFAULTS)).toBe(structureOf(serviceConfig({}), DEFAULTS));
  });

  it('is a map in order, the first by name where two claim one key', () => {
    const services = [
      serviceConfig({ name: 'z', host: 'a.local' }),
      serviceConfig({ name: 'b', host: 'a.local', pathPrefix: '/' }),
      serviceConfig({ name: 'c', pathPrefix: '/c' }),
      serviceConfig({ name: 'd' }),
    ];
    expect(renderRoutes(routesOf(services)).split('\n').slice(1)).toEqual(['/c/ c', 'a.local/ b', '']);
  });
});
