/** A thread of a replay: folds its services of the file, tells what comes of it, ends. */
import { parentPort, workerData } from 'node:worker_threads';
import { errorText, must, PointsmanError } from '../../shared/errors.ts';
import { foldFile } from './fold-file.ts';
import type { FromFolder, ToFolder } from './fold-messages.ts';

const port = must(parentPort, 'the port of a thread');
const { file, request, services } = workerData as ToFolder;
const say = (message: FromFolder): void => port.postMessage(message);
/** Events between two reports that have nothing but progress in them. */
const PROGRESS_EVERY = 10_000;
let reported = 0;

try {
  const folded = await foldFile(file, request, new Set(services), async (told, events) => {
    if (told.length === 0 && events - reported < PROGRESS_EVERY) return;
    reported = events;
    const heard = new Promise((resolve) => port.once('message', resolve));
    say({ kind: 'told', told, events });
    await heard;
  });
  say({ kind: 'done', folded });
} catch (error) {
  const { code, hint } = error instanceof PointsmanError ? error : { code: null, hint: '' };
  say({ kind: 'failed', code, text: errorText(error), hint });
}
