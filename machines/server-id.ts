/**
 * PURE. Which server ids an instance may have. They follow from its name alone, so that the same instance gets the same id on every proxy, and
 * again after everything in Redis was lost: a consistent hash keeps its ring, and no server has to be made anew. The first that is free is
 * taken; with 10,000 instances all of them are taken about once in 10^8 times.
 */
import { createHash } from 'node:crypto';
import { SERVER_ID_MAX } from '../shared/model/desired.ts';
import type { InstanceId } from '../shared/model/ids.ts';

const CANDIDATES = 4;

/** 1..SERVER_ID_MAX each, in the order in which they are tried. */
export function serverIdCandidates(instance: InstanceId): number[] {
  const digest = createHash('sha256').update(instance).digest();
  return Array.from({ length: CANDIDATES }, (_, index) => 1 + (digest.readUInt32BE(index * 4) % SERVER_ID_MAX));
}
