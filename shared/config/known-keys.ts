/** PURE. The keys that the schema knows in the map at a path, for "one of …" and "did you mean". */
import { z } from 'zod';
import { configSchema } from './schema.ts';
import type { KeyPath } from './yaml-source.ts';

export function knownKeys(path: KeyPath): readonly string[] {
  let schema: z.core.$ZodType | undefined = configSchema;
  for (const part of path) schema = schema && below(unwrapped(schema, part), part);
  const inner = schema && unwrapped(schema);
  return inner instanceof z.ZodObject ? Object.keys(inner.shape) : [];
}

function below(schema: z.core.$ZodType, part: PropertyKey): z.core.$ZodType | undefined {
  if (schema instanceof z.ZodObject) return schema.shape[String(part)];
  if (schema instanceof z.ZodArray) return schema.element;
  return schema instanceof z.ZodRecord ? schema.valueType : undefined;
}

/** Past optional, nullable and defaults, and into the map of a union, or into its list when `part` is a place in one. */
function unwrapped(schema: z.core.$ZodType, part?: PropertyKey): z.core.$ZodType {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodNullable || schema instanceof z.ZodPrefault)
    return unwrapped(schema.unwrap(), part);
  const kind = typeof part === 'number' ? z.ZodArray : z.ZodObject;
  if (schema instanceof z.ZodUnion) return schema.options.find((option) => option instanceof kind) ?? schema;
  return schema;
}
