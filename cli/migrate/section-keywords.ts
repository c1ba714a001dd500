/**
 * PURE. Which lines Synapse writes into a frontend and which into a backend: it goes by the keywords of HAProxy 1.5 and 1.6 (SECTION_FIELDS of its
 * haproxy.rb, 0.18.9), copies a line of `listen` to where its keyword belongs, and discards a line whose keyword is not of its section.
 */
const BOTH = words(
  'acl, bind-process, block, compression, description, disabled, email-alert from, email-alert level, email-alert mailers, email- ' +
    'alert myhostname, email-alert to, enabled, errorfile, errorloc, errorloc302, errorloc303, force-persist, grace, http-request, ' +
    'http-response, id, ignore-persist, log, log-tag, mode, no log, no option forceclose, no option forwardfor, no option http-buffer- ' +
    'request, no option http-keep-alive, no option http-no-delay, no option http-pretend-keepalive, no option http-server-close, no ' +
    'option http-tunnel, no option http_proxy, no option httpclose, no option httplog, no option independent-streams, no option ' +
    'nolinger, no option originalto, no option splice-auto, no option splice-request, no option splice-response, no option tcpka, no ' +
    'option tcplog, option forceclose, option forwardfor, option http-buffer-request, option http-keep-alive, option http-no-delay, ' +
    'option http-pretend-keepalive, option http-server-close, option http-tunnel, option http_proxy, option httpclose, option httplog, ' +
    'option independent-streams, option nolinger, option originalto, option splice-auto, option splice-request, option splice-response, ' +
    'option tcpka, option tcplog, redirect, reqadd, reqallow, reqdel, reqdeny, reqiallow, reqidel, reqideny, reqipass, reqirep, ' +
    'reqisetbe, reqitarpit, reqpass, reqrep, reqsetbe, reqtarpit, rspadd, rspdel, rspdeny, rspidel, rspideny, rspirep, rsprep, stats ' +
    'admin, stats auth, stats enable, stats hide-version, stats http-request, stats realm, stats refresh, stats scope, stats show-desc, ' +
    'stats show-legends, stats show-node, stats uri, tcp-request content, tcp-request inspect-delay, timeout http-keep-alive, timeout ' +
    'http-request, timeout tarpit',
);
const FRONTEND = words(
  'backlog, bind, capture cookie, capture request header, capture response header, clitimeout, declare capture, default_backend, log- ' +
    'format, log-format-sd, maxconn, monitor fail, monitor-net, monitor-uri, no option accept-invalid-http-request, no option clitcpka, ' +
    'no option contstats, no option dontlog-normal, no option dontlognull, no option http-ignore-probes, no option http-use-proxy- ' +
    'header, no option log-separate-errors, no option logasap, no option socket-stats, no option tcp-smart-accept, option accept- ' +
    'invalid-http-request, option clitcpka, option contstats, option dontlog-normal, option dontlognull, option http-ignore-probes, ' +
    'option http-use-proxy-header, option log-separate-errors, option logasap, option socket-stats, option tcp-smart-accept, rate-limit ' +
    'sessions, tcp-request connection, timeout client, timeout client-fin, timeout clitimeout, unique-id-format, unique-id-header, ' +
    'use_backend',
);
const BACKEND = words(
  'appsession, balance, contimeout, cookie, default-server, dispatch, external-check command, external-check path, fullconn, hash- ' +
    'type, http-check disable-on-404, http-check expect, http-check send-state, http-reuse, http-send-name-header, load-server-state- ' +
    'from-file, max-keep-alive-queue, no option abortonclose, no option accept-invalid-http-response, no option allbackups, no option ' +
    'allredisp, no option checkcache, no option external-check, no option httpchk, no option lb-agent-chk, no option ldap-check, no ' +
    'option log-health-checks, no option mysql-check, no option persist, no option pgsql-check, no option prefer-last-server, no option ' +
    'redis-check, no option redispatch, no option smtpchk, no option srvtcpka, no option ssl-hello-chk, no option tcp-check, no option ' +
    'tcp-smart-connect, no option transparent, option abortonclose, option accept-invalid-http-response, option allbackups, option ' +
    'allredisp, option checkcache, option external-check, option httpchk, option lb-agent-chk, option ldap-check, option log-health- ' +
    'checks, option mysql-check, option persist, option pgsql-check, option prefer-last-server, option redis-check, option redispatch, ' +
    'option smtpchk, option srvtcpka, option ssl-hello-chk, option tcp-check, option tcp-smart-connect, option transparent, persist ' +
    'rdp-cookie, redisp, redispatch, retries, server, server-state-file-name, source, srvtimeout, stick match, stick on, stick store- ' +
    'request, stick store-response, stick-table, tcp-check connect, tcp-check expect, tcp-check send, tcp-check send-binary, tcp- ' +
    'response content, tcp-response inspect-delay, timeout check, timeout connect, timeout contimeout, timeout queue, timeout server, ' +
    'timeout server-fin, timeout srvtimeout, timeout tunnel, transparent, use-server',
);

/** What HAProxy 2.6 or one soon after it no longer takes. */
const GONE =
  /^(?:(?:req|rsp)(?:i?(?:rep|del|deny|allow|pass|tarpit|setbe)|add)|appsession|block|bind-process|grace|(?:timeout )?(?:cli|con|srv)timeout|(?:no )?option (?:forceclose|http-tunnel|http_proxy|allredisp)|redisp|redispatch|monitor-net)\b/;

export type Section = 'frontend' | 'backend';

export function belongsTo(section: Section, line: string): boolean {
  const lower = line.toLowerCase();
  return [...BOTH, ...(section === 'frontend' ? FRONTEND : BACKEND)].some((keyword) => lower.startsWith(keyword));
}

export function isGone(line: string): boolean {
  return GONE.test(line.toLowerCase());
}

function words(text: string): readonly string[] {
  return text.split(', ');
}
