/**
 * A replay of an export: read through once to see that it is whole, before anything is said of it; then folded, the services shared out over the cores.
 * Each thread reads the file itself and folds its own services, so that memory does not grow with the file.
 */
import { availableParallelism } from 'node:os';
import { extname } from 'node:path';
import { Worker } from 'node:worker_threads';
import { PointsmanError } from '../../shared/errors.ts';
import type { ServiceName } from '../../shared/model/ids.ts';
import type { Defects } from '../log/defects.ts';
import { exportItems } from '../log/export-items.ts';
import { ExportParser } from '../log/export-parser.ts';
import { type FoldedFile, foldFile } from './fold-file.ts';
import type { FromFolder, ToFolder } from './fold-messages.ts';
import type { Listener, ReplayReport, ReplayRequest } from './replay-report.ts';

const THREADS_MAX = 64;

interface Surveyed {
  /** Events by service. */
  readonly services: ReadonlyMap<ServiceName, number>;
  readonly defects: Defects;
}

/** @throws PointsmanError EXPORT_INVALID, or USAGE: it has no such service. */
export async function replayFile(
  file: string,
  request: ReplayRequest,
  listener: Listener,
  threads = availableParallelism(),
): Promise<ReplayReport> {
  const { services, defects } = await survey(file, request.skipBad);
  if (request.service !== null && !services.has(request.service)) {
    throw new PointsmanError('USAGE', `${file} has no service ${JSON.stringify(request.service)}`, {
      hint: `it has: ${[...services.keys()].slice(0, 20).join(', ') || 'none'}`,
      retry: 'terminal',
    });
  }
  const chosen = new Map([...services].filter(([name]) => request.service === null || name === request.service));
  const shares = sharedOut(chosen, Math.min(threads, THREADS_MAX));
  const total = [...chosen.values()].reduce((sum, events) => sum + events, 0);
  const done = new Map<number, number>();
  const progress = (thread: number, events: number): void => {
    done.set(thread, events);
    listener.progress(
      [...done.values()].reduce((sum, count) => sum + count, 0),
      total,
    );
  };
  const folded = await (shares.length > 1
    ? inThreads(file, request, shares, listener, progress)
    : Promise.all(
        shares.map((share) =>
          foldFile(file, request, share, async (told, events) => {
            for (const one of told) await listener.transitions(one);
            progress(0, events);
          }),
        ),
      ));
  const streams = folded.flatMap((one) => one.streams).sort((a, b) => (a.service < b.service ? -1 : 1));
  const count = folded.reduce((sum, one) => sum + one.unfoldable, defects.count);
  return { streams, skipped: { ...defects, count, told: [...defects.told, ...folded.flatMap((one) => one.told)] } };
}

async function survey(file: string, skipBad: boolean): Promise<Surveyed> {
  const parser = new ExportParser(file, skipBad);
  const services = new Map<ServiceName, number>();
  let name: ServiceName | null = null;
  for await (const batch of exportItems(file, parser)) {
    for (const { item } of batch) {
      if (item.kind === 'stream') {
        name = item.of === 'service' ? item.name : null;
        if (name !== null) services.set(name, 0);
      } else if (item.kind === 'event' && name !== null) services.set(name, (services.get(name) ?? 0) + 1);
    }
  }
  return { services, defects: parser.defects };
}

/** The largest first, each to who has least. */
function sharedOut(services: ReadonlyMap<ServiceName, number>, threads: number): ReadonlySet<ServiceName>[] {
  const shares = Array.from({ length: Math.min(threads, services.size) }, () => ({ names: new Set<ServiceName>(), events: 0 }));
  for (const [name, events] of [...services].sort(([, a], [, b]) => b - a)) {
    const least = shares.reduce((a, b) => (b.events < a.events ? b : a));
    least.names.add(name);
    // A stream costs something even without events.
    least.events += events + 1;
  }
  return shares.map(({ names }) => names);
}

/** All of them, or the first error; none is left running. */
async function inThreads(
  file: string,
  request: ReplayRequest,
  shares: readonly ReadonlySet<ServiceName>[],
  listener: Listener,
  progress: (thread: number, events: number) => void,
): Promise<FoldedFile[]> {
  const workers: Worker[] = [];
  try {
    return await Promise.all(
      shares.map((share, thread) => {
        const start: ToFolder = { file, request, services: [...share] };
        const worker = new Worker(new URL(`./fold-thread${extname(import.meta.url)}`, import.meta.url), { workerData: start });
        workers.push(worker);
        return answerOf(worker, listener, (events) => progress(thread, events));
      }),
    );
  } finally {
    await Promise.all(workers.map((worker) => worker.terminate()));
  }
}

function answerOf(worker: Worker, listener: Listener, progress: (events: number) => void): Promise<FoldedFile> {
  return new Promise((resolve, reject) => {
    const hear = async (message: FromFolder): Promise<void> => {
      if (message.kind === 'failed') {
        const { code, text, hint } = message;
        reject(code === null ? new Error(text) : new PointsmanError(code, text, { hint, retry: 'terminal' }));
      } else if (message.kind === 'done') resolve(message.folded);
      else {
        for (const one of message.told) await listener.transitions(one);
        progress(message.events);
        worker.postMessage('go on');
      }
    };
    worker.on('message', (message: FromFolder) => void hear(message).catch(reject));
    worker.once('error', reject);
    worker.once('exit', () => reject(new Error('a thread of the replay ended before its work')));
  });
}
