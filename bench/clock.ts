/** The monotonic clock that all processes of this machine share: ms, comparable between them. */
export function clock(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}
