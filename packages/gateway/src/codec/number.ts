/** Decimal numbers as text: what is one, and when a double would change its value. */

const ZERO = 0x30;
const NINE = 0x39;

/** Returns `text` without blanks and tabs around it. */
export function trimmed(text: string): string {
  let from = 0;
  let to = text.length;
  while (from < to && isBlank(text.charCodeAt(from))) from++;
  while (to > from && isBlank(text.charCodeAt(to - 1))) to--;
  return from === 0 && to === text.length ? text : text.slice(from, to);
}

function isBlank(unit: number): boolean {
  return unit === 0x20 || unit === 0x09;
}

/** Whether `text` is a sign or none, digits, perhaps a fraction and an exponent. A meter's "+021.5" is one. */
export function isDecimal(text: string): boolean {
  const sign = text.charCodeAt(0);
  let at = digits(text, sign === 0x2d || sign === 0x2b ? 1 : 0);
  if (at < 0) return false;
  if (text.charCodeAt(at) === 0x2e) at = digits(text, at + 1);
  if (at < 0) return false;
  if ((text.charCodeAt(at) | 0x20) === 0x65) {
    const exponent = text.charCodeAt(at + 1);
    at = digits(text, exponent === 0x2d || exponent === 0x2b ? at + 2 : at + 1);
  }
  return at === text.length;
}

/** Whether JSON has the number in this form: no plus sign, and no zeros at the front. */
export function isJsonNumber(text: string): boolean {
  if (!isDecimal(text) || text.startsWith("+")) return false;
  const first = text.startsWith("-") ? 1 : 0;
  return text.charCodeAt(first) !== ZERO || !isDigit(text.charCodeAt(first + 1));
}

/** Returns the offset after the digits at `from`, or -1 if no digit stands there. */
export function digits(text: string, from: number): number {
  let at = from;
  while (at < text.length && isDigit(text.charCodeAt(at))) at++;
  return at === from ? -1 : at;
}

function isDigit(unit: number): boolean {
  return unit >= ZERO && unit <= NINE;
}

/** Returns the number, or the text itself if it is an integer beyond 2^53 or a number beyond the doubles. `text` must be a decimal number. */
export function exactNumber(text: string): number | string {
  const value = Number(text);
  if (Math.abs(value) <= Number.MAX_SAFE_INTEGER) return value;
  const isInteger = !text.includes(".") && !text.includes("e") && !text.includes("E");
  return isInteger || !Number.isFinite(value) ? text : value;
}
