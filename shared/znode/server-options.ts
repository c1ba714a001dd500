/**
 * PURE. Nerve's `haproxy_server_options`: words that Synapse writes behind a server's line, whatever they are. Read here as values, within bounds; what is
 * not one of them is named, and gets nowhere else. It never makes a registration unusable: that is how its server is treated, not where it is.
 */
import type { Asked, AskedOptions } from '../model/asked-options.ts';
import { WEIGHT_MAX } from '../model/desired.ts';
import { MAX_CONN_MAX } from '../model/server-options.ts';
import { escapeText } from './escape.ts';

const TEXT_MAX = 1_024;
const WORDS_MAX = 64;
/** Of what cannot be used so much is named. */
const UNREAD_MAX = 8;
const UNREAD_CHARACTERS = 64;

/** HAProxy's other words with an argument (manual, 5.2): it is not taken for a word of its own. */
const WITH_ARGUMENT = new Set(
  (
    'addr agent-addr agent-inter agent-port agent-send alpn ca-file check-alpn check-proto check-sni ciphers ciphersuites cookie crl-file crt ' +
    'downinter error-limit fall fastinter guid hash-key id init-addr init-state inter interface log-bufsize log-proto max-reuse maxqueue minconn ' +
    'namespace npn observe on-error on-marked-down on-marked-up pool-low-conn pool-max-conn pool-purge-delay port proto proxy-v2-options redir ' +
    'resolve-net resolve-opts resolve-prefer resolvers rise set-proxy-v2-tlv-fmt shard slowstart sni socks4 source ssl-max-ver ssl-min-ver ' +
    'tcp-md5sig tcp-ut track usesrc verify verifyhost ws'
  ).split(' '),
);

/** undefined: it asks for nothing. Of a word that is said twice the last one counts, as in HAProxy. */
export function readServerOptions(value: unknown): AskedOptions | undefined {
  if (value === undefined) return undefined;
  if (typeof value !== 'string') return { unread: ['haproxy_server_options is no text'] };
  if (value.length > TEXT_MAX) return { unread: [`haproxy_server_options has more than ${TEXT_MAX} characters`] };
  const words = value.split(/[ \t]+/).filter((word) => word !== '');
  if (words.length > WORDS_MAX) return { unread: [`haproxy_server_options has more than ${WORDS_MAX} words`] };
  const asked: { -readonly [K in keyof Asked]: Asked[K] } = {};
  const unread: string[] = [];
  for (let at = 0; at < words.length; at += 1) {
    const word = words[at] ?? '';
    if (word === 'backup' || word === 'disabled') asked[word] = true;
    else if (word === 'maxconn' || word === 'weight') {
      at += 1;
      const number = word === 'maxconn' ? wholeIn(words[at], 1, MAX_CONN_MAX) : wholeIn(words[at], 0, WEIGHT_MAX);
      if (number === null) unread.push(withArgument(word, words[at]));
      else asked[word] = number;
    } else if (WITH_ARGUMENT.has(word)) {
      at += 1;
      unread.push(withArgument(word, words[at]));
    } else unread.push(word);
  }
  const named = unread.slice(0, UNREAD_MAX).map((text) => escapeText(text, UNREAD_CHARACTERS));
  const more = unread.length - named.length;
  if (words.length === 0) return undefined;
  return { ...asked, ...(named.length === 0 ? {} : { unread: more > 0 ? [...named, `and ${more} more`] : named }) };
}

function withArgument(word: string, argument: string | undefined): string {
  return argument === undefined ? word : `${word} ${argument}`;
}

/** In digits alone: HAProxy would take `50x` for 50. */
function wholeIn(text: string | undefined, least: number, most: number): number | null {
  const number = /^\d{1,8}$/.test(text ?? '') ? Number(text) : null;
  return number !== null && number >= least && number <= most ? number : null;
}
