/**
 * A file of HAProxy as its parser reads it, written apart from what renders it: a line is words between blanks and tabs; `#` outside of quotes ends it; `\`
 * takes the next character for itself; quotes join, and inside double ones `$` expands.
 */

const SECTIONS = new Set(
  'global defaults listen frontend backend ring peers resolvers mailers userlist cache program http-errors fcgi-app log-forward crt-store traces acme'.split(
    ' ',
  ),
);

export interface ConfigSection {
  /** Its line, in words. */
  readonly words: readonly string[];
  /** Of its lines, in words. */
  readonly lines: readonly (readonly string[])[];
  /** Anything that expands or joins: where nothing is quoted there should be none. */
  readonly special: number;
}

export function readConfigFile(text: string): ConfigSection[] {
  const sections: { words: readonly string[]; lines: (readonly string[])[]; special: number }[] = [];
  for (const line of text.split('\n')) {
    const { words, special } = wordsOf(line);
    const [first] = words;
    if (first === undefined) continue;
    const section = sections.at(-1);
    if (SECTIONS.has(first) || first.startsWith('.') || section === undefined) sections.push({ words, lines: [], special });
    else {
      section.lines.push(words);
      section.special += special;
    }
  }
  return sections;
}

function wordsOf(line: string): { words: string[]; special: number } {
  const words: string[] = [];
  let word: string | null = null;
  let quote = '';
  let special = 0;
  for (let at = 0; at < line.length; at += 1) {
    const character = line[at] ?? '';
    if (quote !== '') {
      if (character === quote) quote = '';
      else word = (word ?? '') + character;
      special += 1;
    } else if (character === '#') break;
    else if (character === ' ' || character === '\t') {
      if (word !== null) words.push(word);
      word = null;
    } else if ('"\'\\$\0\r'.includes(character)) {
      special += 1;
      if (character === '"' || character === "'") quote = character;
      if (character === '\\') at += 1;
      word = (word ?? '') + (character === '\\' ? (line[at] ?? '') : '');
    } else word = (word ?? '') + character;
  }
  if (word !== null) words.push(word);
  return { words, special };
}
