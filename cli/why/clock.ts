/** Times of the day as people at this terminal read them: in its own time zone. `now` comes in. */

/** `03:12:07.412`; with the date when that is another than that of `now`. */
export function clockText(at: number, now: number): string {
  const [time, today] = [new Date(at), new Date(now)];
  const day =
    time.toDateString() === today.toDateString() ? '' : `${time.getFullYear()}-${two(time.getMonth() + 1)}-${two(time.getDate())} `;
  const clock = [time.getHours(), time.getMinutes(), time.getSeconds()].map(two).join(':');
  return `${day}${clock}.${String(time.getMilliseconds()).padStart(3, '0')}`;
}

function two(number: number): string {
  return String(number).padStart(2, '0');
}
