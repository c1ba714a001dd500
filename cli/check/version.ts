/** PURE. Versions by their first two numbers. */

/** `found`: as the program says it; one that cannot be read is not older. */
export function isOlder(found: string, [major, minor]: readonly [major: number, minor: number]): boolean {
  const [its = 0, its2 = 0] = found.split('.').map(Number);
  return its < major || (its === major && its2 < minor);
}
