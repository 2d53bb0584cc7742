/** Text for one line of a terminal or a log. */

/** Devices, clients and servers choose some of these texts: none may begin a line or command a terminal. */
export function printable(text: string): string {
  return text.replace(
    /[\p{Cc}\p{Cf}\u2028\u2029]/gu,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
