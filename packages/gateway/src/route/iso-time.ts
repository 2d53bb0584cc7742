/** Time as ISO 8601 text, in UTC. Arithmetic only: the pure part has no Date. */

const DAY = 86_400_000;
/** Days from 0000-03-01 to 1970-01-01 in the proleptic Gregorian calendar. */
const EPOCH = 719_468;
/** Days of 400 years. */
const ERA = 146_097;

/** @param time milliseconds since 1970, until the year 9999 */
export function isoTime(time: number): string {
  const whole = Math.floor(time);
  const days = Math.floor(whole / DAY);
  const rest = whole - days * DAY;
  // Years that begin in March: the leap day is their last one.
  const shifted = days + EPOCH;
  const era = Math.floor(shifted / ERA);
  const day = shifted - era * ERA;
  const year = Math.floor((day - Math.floor(day / 1460) + Math.floor(day / 36_524) - Math.floor(day / 146_096)) / 365);
  const dayOfYear = day - (365 * year + Math.floor(year / 4) - Math.floor(year / 100));
  const month = Math.floor((5 * dayOfYear + 2) / 153);
  const dayOfMonth = dayOfYear - Math.floor((153 * month + 2) / 5) + 1;
  const date = [era * 400 + year + (month >= 10 ? 1 : 0), month < 10 ? month + 3 : month - 9, dayOfMonth];
  const clock = [Math.floor(rest / 3_600_000), Math.floor(rest / 60_000) % 60, Math.floor(rest / 1000) % 60];
  const [y = 0, m = 0, d = 0] = date;
  return `${padded(y, 4)}-${padded(m, 2)}-${padded(d, 2)}T${clock.map((part) => padded(part, 2)).join(":")}.${padded(rest % 1000, 3)}Z`;
}

function padded(value: number, width: number): string {
  return String(value).padStart(width, "0");
}
