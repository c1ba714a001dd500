/**
 * HAProxy's CLI as it reads what a client sends, written apart from what writes to it: bytes in, commands out. A command ends with LF or `;`, words with
 * blanks, tabs and NULs; `\` takes the next character for itself; a last word that begins with `<<`, and on 2.6 one that ends so, makes the lines that follow its payload up to an empty one (or up to the pattern behind `<<`).
 * test/integration/cli-oracle.test.ts holds it to a real HAProxy.
 */

export interface CliCommand {
  readonly words: readonly string[];
  /** null: none. */
  readonly payload: string | null;
}

/** HAProxy drops the words behind these. */
const WORDS_MAX = 64;

export function readCli(bytes: string): CliCommand[] {
  const commands: CliCommand[] = [];
  let rest = bytes;
  while (rest !== '') {
    const end = endOfCommand(rest);
    const raw = rest.slice(0, end).replace(/\r$/, '');
    rest = rest.slice(end + 1);
    const marked = /(?:^|[ \t])<<[^ \t]*$|<<$/.exec(raw);
    if (marked === null) {
      const words = wordsOf(raw);
      if (words.length > 0) commands.push({ words, payload: null });
      continue;
    }
    const pattern = /<<([^ \t]*)$/.exec(raw)?.[1] ?? '';
    const lines: string[] = [];
    while (rest !== '') {
      const [line = ''] = rest.split('\n', 1);
      rest = rest.slice(line.length + 1);
      if (line === pattern) break;
      lines.push(line);
    }
    commands.push({ words: wordsOf(raw.slice(0, raw.lastIndexOf('<<'))), payload: lines.join('\n') });
  }
  return commands;
}

function endOfCommand(text: string): number {
  for (let at = 0; at < text.length; at += 1) {
    if (text[at] === '\\') at += 1;
    else if (text[at] === '\n' || text[at] === ';') return at;
  }
  return text.length;
}

/** A NUL ends a word as a blank does; where a word should begin, it ends the command. */
function wordsOf(command: string): string[] {
  const words: string[] = [];
  let at = 0;
  for (;;) {
    while (command[at] === ' ' || command[at] === '\t') at += 1;
    if (at >= command.length || command[at] === '\0') return words.slice(0, WORDS_MAX);
    let word = '';
    for (; at < command.length && !' \t\0'.includes(command[at] ?? ''); at += 1) {
      if (command[at] !== '\\') word += command[at];
      else if (at + 1 < command.length && command[at + 1] !== '\0') {
        at += 1;
        word += command[at];
      }
    }
    words.push(word);
    at += 1;
  }
}
