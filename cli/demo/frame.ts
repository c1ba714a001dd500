/**
 * PURE. The running display as lines for a terminal of a given size. What does not fit is left out from the bottom of the tables: first old events,
 * then instances. Commands to copy are never cut: a long one is one line over several rows, so that a terminal copies it whole.
 */
export interface Row {
  readonly id: string;
  readonly service: string;
  readonly state: string;
  readonly health: string;
  /** null: it is none of the demo's own. */
  readonly requests: number | null;
  readonly process: string;
  /** Why its registration was refused: in the place of the process, which such a one seldom has. */
  readonly refused: string | null;
  readonly selected: boolean;
}

export interface View {
  readonly head: readonly string[];
  readonly rows: readonly Row[];
  readonly traffic: string;
  /** Oldest first. */
  readonly events: readonly string[];
  readonly commands: readonly string[];
  readonly keys: readonly string[];
}

export interface Paint {
  readonly bold: (text: string) => string;
  readonly dim: (text: string) => string;
  readonly good: (text: string) => string;
  readonly bad: (text: string) => string;
  readonly warning: (text: string) => string;
  readonly inverse: (text: string) => string;
}

const EVENTS_LEAST = 3;
const ROWS_LEAST = 3;
const HEAD: readonly string[] = ['INSTANCE', 'SERVICE', 'STATE', 'HEALTH', 'REQUESTS', 'PROCESS'];
const WIDTHS: readonly number[] = [20, 18, 11, 7, 8, 10];

/** Behind the state: one that was refused has neither health nor requests. */
const REFUSED_AT = WIDTHS.slice(0, 3).reduce((sum, width) => sum + width + 1, 0);

export function frame(view: View, size: { columns: number; rows: number }, paint: Paint): string[] {
  const { columns } = size;
  const commandRows = view.commands.reduce((sum, command) => sum + rowsOf(command, columns), 0);
  const keys = view.keys.map((line) => cut(line, columns));
  const head = view.head.map((line) => cut(line, columns));
  const fixed = head.length + 1 + 1 + 1 + 1 + commandRows + keys.length;
  const room = Math.max(0, size.rows - fixed);
  const rowCount = Math.min(view.rows.length, Math.max(ROWS_LEAST, room - EVENTS_LEAST));
  const eventCount = Math.max(0, room - rowCount);
  const shown = windowOf(view.rows, rowCount);
  return [
    ...head.map((line, index) => (index === 0 ? paint.bold(line) : line)),
    '',
    paint.bold(cut(cells(HEAD), columns)),
    ...shown.map((row) => rowLine(row, columns, paint)),
    cut(view.traffic, columns),
    ...(eventCount > 0 ? view.events.slice(-eventCount).map((line) => paint.dim(cut(line, columns))) : []),
    ...Array<string>(Math.max(0, eventCount - view.events.length)).fill(''),
    '',
    ...view.commands.map((command) => (command.length <= columns ? command : command.padEnd(rowsOf(command, columns) * columns))),
    ...keys.map(paint.bold),
  ];
}

/** As many rows as fit, the selected one among them. */
function windowOf(rows: readonly Row[], count: number): readonly Row[] {
  const selected = rows.findIndex((row) => row.selected);
  const from = Math.max(0, Math.min(rows.length - count, selected - Math.floor(count / 2)));
  return rows.slice(from, from + count);
}

function rowLine(row: Row, columns: number, paint: Paint): string {
  const { id, service, state, health, requests, process, refused } = row;
  const told = cells([id, service, state, health, requests === null ? '' : String(requests), refused === null ? process : '']);
  const line = cut(refused === null ? told : `${told.padEnd(REFUSED_AT - 1)} ${refused}`, columns);
  if (row.selected) return paint.inverse(line);
  if (state === 'serving' && health === 'up') return paint.good(line);
  return state === 'failing' || state === 'rejected' || health === 'down' ? paint.bad(line) : paint.warning(line);
}

function cells(texts: readonly string[]): string {
  return texts
    .map((text, index) => {
      const width = WIDTHS[index] ?? 0;
      return index === 4 ? text.padStart(width) : cut(text, width).padEnd(width);
    })
    .join(' ')
    .trimEnd();
}

function cut(text: string, columns: number): string {
  return text.length <= columns ? text : `${text.slice(0, Math.max(0, columns - 1))}…`;
}

function rowsOf(text: string, columns: number): number {
  return Math.max(1, Math.ceil(text.length / columns));
}
