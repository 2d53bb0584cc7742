/** How details and answers show text of a device: on one line, without control characters. */

/** The most characters of a value that a detail shows. */
const SHOWN = 40;

/** Returns `text` in quotation marks, shortened, control characters and lone surrogates escaped. */
export function shown(text: string): string {
  return text.length > SHOWN ? `"${escaped(text.slice(0, SHOWN))}…"` : `"${escaped(text)}"`;
}

/** Escapes control characters, line separators and lone surrogates as \uXXXX, so that the text can neither begin a line nor fail to encode. */
export function escaped(text: string): string {
  let result = "";
  let copied = 0;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit >= 0x20 && unit < 0x7f) continue;
    if (unit >= 0xd800 && unit < 0xdc00) {
      const low = i + 1 < text.length ? text.charCodeAt(i + 1) : 0;
      if (low >= 0xdc00 && low < 0xe000) {
        i++;
        continue;
      }
    }
    const plain = unit >= 0xa0 && unit !== 0x2028 && unit !== 0x2029 && (unit < 0xd800 || unit > 0xdfff);
    if (plain) continue;
    result += `${text.slice(copied, i)}\\u${unit.toString(16).padStart(4, "0")}`;
    copied = i + 1;
  }
  return copied === 0 ? text : result + text.slice(copied);
}
