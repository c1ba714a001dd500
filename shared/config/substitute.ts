/**
 * PURE. `${NAME}` and `${file:/path}` inside a text; `$${` stands for a plain `${`. What is put in is not looked at again. A file's
 * last line end is left off.
 */

/** Where the replacements come from. */
export interface Sources {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Throws when the file cannot be read. */
  readonly readFile: (path: string) => string;
}

export interface Unset {
  readonly found: string;
  readonly expected: string;
}

const PLACEHOLDER = /\$\$\{|\$\{([^}]*)\}|\$\{/g;
const UNCLOSED: Unset = { found: `\${ without its }`, expected: `\${NAME}, or $\${ for a plain \${` };
const ENVIRONMENT_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** The text with everything replaced that could be, and what could not: that stays as it was written, or becomes `filler`. */
export function substitute(text: string, sources: Sources, filler: string | null = null): { text: string; unset: Unset[] } {
  const unset: Unset[] = [];
  const replaced = text.replace(PLACEHOLDER, (whole: string, inside: string | undefined) => {
    if (whole === '$${') return '${';
    const value = inside === undefined ? UNCLOSED : lookUp(inside, sources);
    if (typeof value === 'string') return value;
    unset.push(value);
    return filler ?? whole;
  });
  return { text: replaced, unset };
}

function lookUp(inside: string, sources: Sources): string | Unset {
  if (inside.startsWith('file:')) return readWhole(inside.slice('file:'.length), sources);
  if (!ENVIRONMENT_NAME.test(inside)) return { found: 'a placeholder that is no name', expected: `\${NAME} or \${file:/path}` };
  const value = Object.hasOwn(sources.env, inside) ? sources.env[inside] : undefined;
  return value ?? { found: `\${${inside}}, which is not set`, expected: 'a variable of the environment' };
}

function readWhole(path: string, sources: Sources): string | Unset {
  if (!path.startsWith('/')) return { found: `\${file:${path}}`, expected: 'an absolute path' };
  try {
    return sources.readFile(path).replace(/\r?\n$/, '');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'unreadable';
    return { found: `\${file:${path}}, which cannot be read (${code})`, expected: 'a readable file' };
  }
}
