/**
 * PURE. What a registration asks for of its server, in HAProxy's keywords (manual, 5.2), and what of it the service's config lets count. Only what is typed
 * here is ever asked for: no other word of a registration gets anywhere but into a warning.
 */

/** What may be asked for. */
export const ASKABLE = ['backup', 'disabled', 'maxconn', 'weight'] as const;
export type Askable = (typeof ASKABLE)[number];

export interface Asked {
  /** 0..256 */
  readonly weight?: number;
  /** 1..10,000,000 */
  readonly maxconn?: number;
  /** It stands by. */
  readonly backup?: true;
  /** It takes no requests. */
  readonly disabled?: true;
}

export interface AskedOptions extends Asked {
  /** Words that cannot be used, with their arguments: escaped, and bounded. */
  readonly unread?: readonly string[];
}

export function grantedOf(allowed: readonly Askable[] | undefined, asked: AskedOptions | undefined): Asked {
  if (allowed === undefined || asked === undefined) return {};
  const { weight, maxconn, backup, disabled } = asked;
  return {
    ...(weight !== undefined && allowed.includes('weight') ? { weight } : {}),
    ...(maxconn !== undefined && allowed.includes('maxconn') ? { maxconn } : {}),
    ...(backup === true && allowed.includes('backup') ? { backup } : {}),
    ...(disabled === true && allowed.includes('disabled') ? { disabled } : {}),
  };
}

/** What it asks for in vain, as it says it. */
export function inVain(allowed: readonly Askable[] | undefined, asked: AskedOptions | undefined): readonly string[] {
  if (asked === undefined) return [];
  const refused = ASKABLE.filter((word) => asked[word] !== undefined && allowed?.includes(word) !== true);
  return [...refused.map((word) => (asked[word] === true ? word : `${word} ${asked[word]}`)), ...(asked.unread ?? [])];
}
