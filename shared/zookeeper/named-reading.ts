/** PURE. A reading of one of several paths, with its children under their whole paths, as the view of the service has them. */
import { type ServicePath, znodeName } from '../model/service-path.ts';
import type { ChildReading } from './read-children.ts';
import type { Reading } from './reading.ts';

/** Of a service with one path the very same. */
export function namedReading(reading: Reading, path: ServicePath, parent: string): Reading {
  if (typeof path === 'string') return reading;
  const whole = (name: string): string => znodeName(path, parent, name);
  const read = new Map<string, ChildReading>();
  for (const [name, { znode, ...child }] of reading.read) read.set(whole(name), { ...child, znode: { ...znode, name: whole(name) } });
  return { ...reading, read, gone: reading.gone.map(whole), unread: reading.unread.map(whole) };
}

/** What is known of children by name, likewise. */
export function namedChildren<T>(children: Map<string, T>, path: ServicePath, parent: string): Map<string, T> {
  if (typeof path === 'string') return children;
  return new Map([...children].map(([name, child]) => [znodeName(path, parent, name), child]));
}
