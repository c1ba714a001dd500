/**
 * A bench-only look into a running pointsman: the calls of its adapters are wrapped from outside, and each is noted with its times. The code that
 * is measured knows nothing of it.
 */
import { Redis } from 'ioredis';
import { RuntimeConnection } from '../shared/haproxy/connection.ts';
import { Claim } from '../shared/redis/claim.ts';
import { DesiredStore } from '../shared/redis/desired-store.ts';
import { ProxyStore } from '../shared/redis/proxy-store.ts';
import { Queues } from '../shared/redis/queues.ts';
import { ServiceLog } from '../shared/redis/service-log.ts';
import { ServiceStore } from '../shared/redis/service-store.ts';
import { type OnChange, ZookeeperLink } from '../shared/zookeeper/link.ts';
import { clock } from './clock.ts';

export interface Mark {
  readonly name: string;
  /** ms, of `clock`. */
  readonly start: number;
  readonly end: number;
}

type Method = (this: unknown, ...args: unknown[]) => unknown;

/** Older ones are thrown away. */
const MARKS_MAX = 5_000;

const marks: Mark[] = [];
let commands = 0;

function note(name: string, start: number): void {
  marks.push({ name, start, end: clock() });
  if (marks.length > MARKS_MAX) marks.splice(0, MARKS_MAX / 2);
}

/** What was noted since the last call. */
export function takeMarks(): Mark[] {
  return marks.splice(0);
}

/** Commands sent to Redis so far, BullMQ's among them. */
export function redisCommands(): number {
  return commands;
}

/** Before anything is started. */
export function traceAdapters(): void {
  for (const [label, prototype] of [
    ['log', ServiceLog.prototype],
    ['store', ServiceStore.prototype],
    ['desired', DesiredStore.prototype],
    ['proxies', ProxyStore.prototype],
    ['claim', Claim.prototype],
    ['claim', Claim],
    ['runtime', RuntimeConnection],
  ] as const) {
    for (const name of Object.getOwnPropertyNames(prototype)) wrap(prototype, name, () => `${label}.${name}`);
  }
  wrap(RuntimeConnection.prototype, 'send', (lines) => `runtime.send ${shown(lines as readonly string[])}`);
  for (const name of ['wakeService', 'wakeProxy', 'wakeServiceLater', 'wakeProxyLater'])
    wrap(Queues.prototype, name, () => `queues.${name}`);
  const sendCommand = Object.getOwnPropertyDescriptor(Redis.prototype, 'sendCommand')?.value as Redis['sendCommand'];
  Redis.prototype.sendCommand = function (...args) {
    commands += 1;
    return sendCommand.apply(this, args);
  };
  traceJobs();
  traceWatches();
}

function wrap(target: object, name: string, label: (...args: readonly unknown[]) => string): void {
  const property = Object.getOwnPropertyDescriptor(target, name);
  if (typeof property?.value !== 'function' || name === 'constructor' || name === 'held' || name === 'prototype') return;
  const method = property.value as Method;
  Object.defineProperty(target, name, {
    ...property,
    value(this: unknown, ...args: unknown[]): unknown {
      const start = clock();
      const result = method.apply(this, args);
      if (result instanceof Promise) {
        const noted = (): void => note(label(...args), start);
        result.then(noted, noted);
      } else note(label(...args), start);
      return result;
    },
  });
}

function shown(lines: readonly string[]): string {
  const heads = lines.map((line) =>
    line
      .split(' ')
      .slice(0, line.startsWith('set ') ? 2 : 3)
      .join(' ')
      .replace(/ \S+\/\S+$/, ''),
  );
  return [...new Set(heads)].slice(0, 4).join('; ');
}

function traceJobs(): void {
  const work = Object.getOwnPropertyDescriptor(Queues.prototype, 'work')?.value as Queues['work'];
  Queues.prototype.work = function (name, run, options) {
    const kind = name.split('.')[0] ?? name;
    const traced: typeof run = async (job, signal) => {
      const start = clock();
      note(`job.${kind} begins`, start);
      try {
        return await run(job, signal);
      } finally {
        note(`job.${kind}`, start);
      }
    };
    return work.call(this, name, traced, options);
  };
}

function traceWatches(): void {
  const known = new WeakMap<OnChange, OnChange>();
  const traced = (onChange: OnChange): OnChange => {
    const wrapped =
      known.get(onChange) ??
      ((event) => {
        note(`watch fired: ${event.kind}`, clock());
        onChange(event);
      });
    known.set(onChange, wrapped);
    return wrapped;
  };
  for (const name of ['children', 'data'] as const) {
    const method = ZookeeperLink.prototype[name] as Method;
    Object.defineProperty(ZookeeperLink.prototype, name, {
      configurable: true,
      value(this: unknown, path: string, onChange?: OnChange): unknown {
        const start = clock();
        const result = method.call(this, path, ...(onChange === undefined ? [] : [traced(onChange)])) as Promise<unknown>;
        const noted = (): void => note(`zookeeper.${name}`, start);
        result.then(noted, noted);
        return result;
      },
    });
  }
}
