/** PURE. The keys of one entry of `discover`, as schema.ts has those of the rest. */
import { z } from 'zod';
import { SERVICE_PLACE } from '../model/discover.ts';
import { isRouteHost } from '../model/route.ts';
import { serviceSchema } from './service-schema.ts';
import * as value from './values.ts';

const SERVICES_MAX = 10_000;
const ENTRIES_MAX = 16;

const { path: _path, listen: _listen, host: _host, pathPrefix: _pathPrefix, ...likeShape } = serviceSchema.shape;

export const likeSchema = value.map(likeShape);

const entry = value.map({
  root: value.znodePath().describe("The parent of the services' znodes: each child of it is a service of that name."),
  children: z
    .string({ error: 'the name of a znode' })
    .regex(/^[A-Za-z0-9_.-]{1,64}$/, { error: 'the name of a znode, such as instances' })
    .optional()
    .describe("The parent of the instances below a service's znode. Without it they are the service's own children."),
  host: value
    .parsed(`a host with ${SERVICE_PLACE} in it, such as "${SERVICE_PLACE}.local"`, /^\S*\{service\}\S*$/, (text) =>
      isRouteHost(text.toLowerCase().replaceAll(SERVICE_PLACE, 'a')) ? text.toLowerCase() : null,
    )
    .optional()
    .describe(
      `The services' host on the shared HTTP frontend; \`${SERVICE_PLACE}\` stands for the name. Without it they are backends only.`,
    ),
  like: likeSchema.prefault({}).describe('What is configured for each, with the keys of a service.'),
  maxServices: value.count(1, SERVICES_MAX).prefault(500).describe('More children than this are refused.'),
});

/** All of `discover`. */
export const discoverSchema = value.list(entry, 0, ENTRIES_MAX);

export type DiscoverSection = z.output<typeof entry>;
