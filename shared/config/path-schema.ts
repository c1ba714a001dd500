/** PURE. `path` of a service: one znode path, or several as `{ union: […] }` or `{ first: […] }`. */
import { z } from 'zod';
import * as value from './values.ts';

const PATHS_MIN = 2;
const PATHS_MAX = 8;
const EXPECTED =
  'the path of a znode, such as /services/inventory/instances, without a slash at the end; or { union: [/a, /b] } or { first: [/a, /b] }';

const several = value.list(value.znodePath(), PATHS_MIN, PATHS_MAX).superRefine((paths, context) => {
  for (const [index, path] of paths.entries()) {
    const doubled = paths.indexOf(path) < index;
    const above = paths.find((other) => other !== path && isBelow(path, other));
    const expected = doubled
      ? 'each path once'
      : above === undefined
        ? null
        : `a path that is not below ${above}, whose children are read too`;
    if (expected !== null) context.addIssue({ code: 'custom', path: [index], message: expected });
  }
});

export const pathSchema = z
  .union(
    [
      value.znodePath(),
      value
        .map({
          union: several.optional().describe('All instances that are registered below any of these paths.'),
          first: several
            .optional()
            .describe(
              'On each proxy the instances below the first of these paths that has any up there take requests; the others stand by, checked.',
            ),
        })
        .refine(({ union, first }) => (union === undefined) !== (first === undefined), { error: EXPECTED }),
    ],
    { error: EXPECTED },
  )
  .describe("The parent of the instances' znodes, under the chroot if there is one; or several.");

function isBelow(path: string, above: string): boolean {
  return path.startsWith(above === '/' ? '/' : `${above}/`);
}
