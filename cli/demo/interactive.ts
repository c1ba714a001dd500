/** The running display: what was started, how the instances stand, what happened, and keys that make something happen. Until `q` or Ctrl-C. */
import { existsSync } from 'node:fs';
import { extname } from 'node:path';
import picocolors from 'picocolors';
import { errorText, must } from '../../shared/errors.ts';
import { pause } from '../../shared/runtime/wait.ts';
import { printable } from '../printable.ts';
import { wantsColour } from '../table.ts';
import { Actions } from './actions.ts';
import { begin, INVENTORY, targets } from './begin.ts';
import { paths } from './files.ts';
import { frame, type Paint, type Row, type View } from './frame.ts';
import { instancesPath } from './instance-path.ts';
import { Load } from './load.ts';
import { Screen } from './screen.ts';
import type { Stack } from './stack.ts';
import { Timeline } from './timeline.ts';
import { summaryOf, type WorldView, WorldViewer } from './world-view.ts';

const REQUESTS_PER_SECOND = 40;
/** Between two looks at the world, and so between two frames. */
const LOOK_EVERY_MS = 300;
const ZKCLI = '/usr/share/zookeeper/bin/zkCli.sh';
const KEYS = [
  'up/down select  [a]dd  [d]eregister or back  [k]ill -9  [h]ang or back',
  '[r] change the config  [p] kill -9 pointsman or start it  [q]uit',
];

export async function runInteractive(stack: Stack, print: (line: string) => void): Promise<boolean> {
  print('pointsman demo: starting a private Zookeeper, Redis and HAProxy');
  const world = await begin(stack, (line) => print(`  ${line}`));
  const load = new Load(targets(stack), REQUESTS_PER_SECOND);
  const display = new Display(stack, load);
  const viewer = new WorldViewer(stack, world, load);
  load.start();
  display.enter();
  try {
    while (!display.quit && !stack.signal.aborted) {
      const view = await viewer.look().catch((error: unknown) => display.trouble(errorText(error)));
      if (view !== null) display.show(view);
      await pause(LOOK_EVERY_MS, stack.signal);
    }
  } finally {
    display.leave();
    load.abandon();
    await world.close();
  }
  print(`served ${load.answered} requests, ${load.failed} failed; stopping everything`);
  return true;
}

class Display {
  quit = false;
  readonly #stack: Stack;
  readonly #load: Load;
  readonly #screen: Screen;
  readonly #timeline = new Timeline();
  readonly #actions: Actions;
  readonly #paint: Paint;
  readonly #commands: readonly string[];
  #view: WorldView | null = null;
  #selected: string | null = null;
  #trouble: string | null = null;

  constructor(stack: Stack, load: Load) {
    this.#stack = stack;
    this.#load = load;
    this.#screen = new Screen(process.stdout, process.stdin, (key) => this.#key(key));
    this.#actions = new Actions(stack, this.#timeline);
    this.#commands = commandsOf(stack);
    const { bold, dim, green, red, yellow, inverse } = picocolors.createColors(wantsColour(process.stdout, process.env));
    this.#paint = { bold, dim, good: green, bad: red, warning: yellow, inverse };
  }

  enter(): void {
    this.#screen.enter();
  }

  leave(): void {
    this.#screen.leave();
  }

  show(view: WorldView): void {
    this.#view = view;
    this.#trouble = null;
    this.#timeline.look(summaryOf(view, this.#load));
    this.#draw();
  }

  /** A look that failed: the last one stays. */
  trouble(text: string): null {
    if (text !== this.#trouble) this.#timeline.say(printable(text));
    this.#trouble = text;
    this.#draw();
    return null;
  }

  #draw(): void {
    if (this.#view === null) return;
    const view: View = {
      head: headOf(this.#stack),
      rows: this.#rows(this.#view),
      traffic: `${REQUESTS_PER_SECOND} requests a second through HAProxy: ${this.#load.answered} answered, ${this.#load.failed} failed; ${this.#view.reloads} ${this.#view.reloads === 1 ? 'reload' : 'reloads'}`,
      events: this.#timeline.lines,
      commands: this.#commands,
      keys: KEYS,
    };
    this.#screen.draw(frame(view, this.#screen.size, this.#paint));
  }

  #rows(view: WorldView): Row[] {
    const rows = view.rows.map((row) => ({ ...row, id: printable(row.id) }));
    if (!rows.some((row) => row.id === this.#selected)) this.#selected = rows[0]?.id ?? null;
    return rows.map((row) => ({ ...row, selected: row.id === this.#selected }));
  }

  #key(key: string): void {
    if (key === 'q' || key === '\x03') {
      this.quit = true;
      return;
    }
    if (key === 'up' || key === 'down') return this.#move(key === 'up' ? -1 : 1);
    const acted = this.#act(key);
    acted?.catch((error: unknown) => {
      if (!this.#stack.signal.aborted) this.#timeline.say(printable(errorText(error)));
    });
  }

  #act(key: string): Promise<void> | undefined {
    const row = this.#view?.rows.find(({ id }) => printable(id) === this.#selected);
    const instance = this.#stack.instances.find(({ id }) => id === row?.id);
    if (key === 'a') return this.#actions.add(row?.service ?? null);
    if (key === 'r') return this.#actions.changeConfig();
    if (key === 'p') return this.#actions.togglePointsman();
    if (!['d', 'k', 'h'].includes(key)) return undefined;
    if (instance === undefined) {
      this.#timeline.say(`${this.#selected ?? 'nothing'} is none of the demo's own instances`);
      return undefined;
    }
    if (key === 'd') return this.#actions.toggleRegistration(instance);
    if (key === 'k') this.#actions.kill(instance);
    if (key === 'h') this.#actions.hang(instance);
    return undefined;
  }

  #move(by: number): void {
    const rows = this.#view?.rows ?? [];
    if (rows.length === 0) return;
    const at = rows.findIndex(({ id }) => printable(id) === this.#selected);
    this.#selected = printable(must(rows[(at + by + rows.length) % rows.length], 'row').id);
    this.#draw();
  }
}

function headOf(stack: Stack): string[] {
  const { ports } = stack.layout;
  const pid = (part: 'zookeeper' | 'redis' | 'haproxy' | 'pointsman'): string => {
    const child = stack.parts.get(part);
    return child?.running === true ? `pid ${child.pid}` : 'KILLED';
  };
  return [
    `pointsman ${pid('pointsman')}   queues http://127.0.0.1:${ports.dashboard}/queues`,
    `haproxy ${pid('haproxy')}   figures http://127.0.0.1:${ports.stats}/`,
    `zookeeper 127.0.0.1:${ports.zookeeper} ${pid('zookeeper')}   redis 127.0.0.1:${ports.redis} ${pid('redis')}`,
    `files ${stack.folder}: pointsman.yaml, haproxy.cfg, managed/, logs/`,
  ];
}

/** To copy into another terminal. */
function commandsOf(stack: Stack): string[] {
  const port = stack.services.find(({ name }) => name === INVENTORY)?.port ?? 0;
  const pointsman = extname(import.meta.url) === '.ts' ? 'npm run pointsman --' : 'pointsman';
  const znode = `${ZKCLI} -server ${stack.connect} create ${instancesPath(INVENTORY)}/not-an-address`;
  return [
    `curl http://127.0.0.1:${port}/`,
    `${pointsman} status --config ${paths.config(stack.folder)}`,
    ...(existsSync(ZKCLI) ? [znode] : []),
  ];
}
