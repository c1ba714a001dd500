/** PURE. Each section of a plain value validated by itself, so that the rules across keys can look at those that are valid. */
import type { z } from 'zod';
import type { Sections } from './config.ts';
import { proxySchema, sectionSchemas } from './schema.ts';
import { serviceSchema } from './service-schema.ts';

/** Null: invalid or missing. Proxies and services that are invalid are left out; a missing dashboard is none, and so are missing metrics. */
export type PartialSections = { readonly [K in keyof Sections]: K extends 'proxies' | 'services' ? Sections[K] : Sections[K] | null };

export function validSections(raw: unknown): PartialSections {
  return {
    zookeeper: validated(sectionSchemas.zookeeper, child(raw, 'zookeeper')),
    redis: validated(sectionSchemas.redis, child(raw, 'redis')),
    haproxy: validated(sectionSchemas.haproxy, child(raw, 'haproxy') ?? {}),
    proxies: validEntries(proxySchema, child(raw, 'proxies')),
    services: validEntries(serviceSchema, child(raw, 'services')),
    discover: validated(sectionSchemas.discover, child(raw, 'discover') ?? []),
    register: validated(sectionSchemas.register, child(raw, 'register') ?? []),
    registrar: validated(sectionSchemas.registrar, child(raw, 'registrar') ?? {}),
    dashboard: validated(sectionSchemas.dashboard, child(raw, 'dashboard')),
    metrics: validated(sectionSchemas.metrics, child(raw, 'metrics')),
    log: validated(sectionSchemas.log, child(raw, 'log') ?? {}),
  };
}

export function isComplete(sections: PartialSections): sections is Sections {
  return (
    sections.zookeeper !== null &&
    sections.redis !== null &&
    sections.haproxy !== null &&
    sections.discover !== null &&
    sections.register !== null &&
    sections.registrar !== null &&
    sections.log !== null
  );
}

/** What a map or list has of its own under `key`. */
export function child(value: unknown, key: PropertyKey): unknown {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined;
  return (value as Record<PropertyKey, unknown>)[key];
}

/** Of each entry the keys that are valid by themselves, also where another key of it is not. */
export function validKeys<T extends z.ZodObject>(schema: T, value: unknown): Map<string, Partial<z.output<T>>> {
  const entries = typeof value === 'object' && value !== null ? Object.entries(value) : [];
  return new Map(
    entries.map(([name, entry]) => {
      const keys = Object.entries(schema.shape).flatMap(([key, keySchema]) => {
        const parsed = child(entry, key) === undefined ? undefined : validated(keySchema as z.ZodType, child(entry, key));
        return parsed === undefined || parsed === null ? [] : [[key, parsed] as const];
      });
      return [name, Object.fromEntries(keys) as Partial<z.output<T>>];
    }),
  );
}

function validated<T>(schema: z.ZodType<T>, value: unknown): T | null {
  return schema.safeParse(value).data ?? null;
}

function validEntries<T>(schema: z.ZodType<T>, value: unknown): Map<string, T> {
  const valid = new Map<string, T>();
  for (const [name, entry] of Object.entries(typeof value === 'object' && value !== null ? value : {})) {
    const section = validated(schema, entry);
    if (section !== null) valid.set(name, section);
  }
  return valid;
}
