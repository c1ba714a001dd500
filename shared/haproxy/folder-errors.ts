/** What goes wrong with the managed folder, in our words. */
import { PointsmanError } from '../errors.ts';

export function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}

/** What waiting alone can mend. */
const TRANSIENT = ['ENOSPC', 'EDQUOT', 'EMFILE', 'ENFILE', 'EIO', 'EAGAIN', 'EINTR', 'ENOMEM'];

/** What goes wrong with a path becomes FILE_WRITE_FAILED. */
export async function wrap<T>(path: string, act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (error) {
    if (error instanceof PointsmanError || !(error instanceof Error)) throw error;
    const transient = TRANSIENT.some((code) => isCode(error, code));
    throw new PointsmanError('FILE_WRITE_FAILED', `cannot use ${path}: ${error.message}`, {
      hint: transient
        ? 'the file on disk is as it was, and HAProxy goes on through its runtime API; make room, then it is written by itself'
        : 'let the user that runs pointsman read and write this folder, with plain files in it; the file on disk is as it was',
      retry: transient ? 'transient' : 'after',
      cause: error,
    });
  }
}

export function notOurs(path: string): PointsmanError {
  return new PointsmanError('FILE_WRITE_FAILED', `${path} was not written by pointsman`, {
    hint: 'move it to another folder; pointsman replaces only files that begin with its own header',
    retry: 'after',
  });
}
