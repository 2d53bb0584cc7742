/** Control characters: no text format sends them to a device within a value, because most devices end a frame at one. */

/** Whether the text has a character below U+0020, except a tab, or U+007F. @param separator a control character that is the format's own */
export function hasControl(text: string, separator = ""): boolean {
  const own = separator.length === 1 ? separator.charCodeAt(0) : -1;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if ((unit < 0x20 && unit !== 0x09 && unit !== own) || unit === 0x7f) return true;
  }
  return false;
}
