/**
 * What the host of a URL may be. Systems end a name at a NUL, HTTP takes no control characters, and parsers of URLs disagree about others:
 * a name with such characters could lead elsewhere than it says.
 */

/** Of a name in the domain name system, its dots included. */
const LONGEST_NAME = 253;

/** Returns the rule that `host`, a name or an IPv4 address, breaks; undefined if it breaks none. */
export function hostNameFault(host: string): string | undefined {
  if (host.length > LONGEST_NAME) return `a host name has at most ${LONGEST_NAME} characters`;
  for (const character of host) {
    const code = character.codePointAt(0) as number;
    if (code < 0x80 ? isAlphanumeric(code) || "-_.".includes(character) : !isNoLetter(code)) continue;
    return `a host name has letters, digits, "-", "_" and ".", and not U+${code.toString(16).toUpperCase().padStart(4, "0")}`;
  }
  return undefined;
}

/** The same of an IPv6 address, without its brackets. Only its characters are looked at; behind "%" stands the network interface. */
export function addressFault(host: string): string | undefined {
  const percent = host.indexOf("%");
  const address = percent < 0 ? host : host.slice(0, percent);
  const zone = percent < 0 ? "0" : host.slice(percent + 1);
  const isAddress = address.includes(":") && [...address].every((character) => IPV6.includes(character));
  const isZone = zone !== "" && zone.length <= LONGEST_ZONE && hostNameFault(zone) === undefined;
  return isAddress && address.length <= LONGEST_ADDRESS && isZone
    ? undefined
    : "brackets hold an IPv6 address, as in mqtt://[::1]:1883";
}

const IPV6 = "0123456789abcdefABCDEF:.";
const LONGEST_ADDRESS = 45;
const LONGEST_ZONE = 64;

function isAlphanumeric(code: number): boolean {
  const lower = code | 0x20;
  return (lower >= 0x61 && lower <= 0x7a) || (code >= 0x30 && code <= 0x39);
}

/** Beyond ASCII: control, format, space and punctuation characters, surrogates, and forms that stand for ASCII ones. */
const NO_LETTERS: readonly (readonly [first: number, last: number])[] = [
  [0x80, 0xbf],
  [0x2000, 0x206f],
  [0x3000, 0x3002],
  [0xd800, 0xf8ff],
  [0xfe00, 0xfe0f],
  [0xfeff, 0xfeff],
  [0xff00, 0xffff],
  [0xe0000, 0x10ffff],
];

function isNoLetter(code: number): boolean {
  return NO_LETTERS.some(([first, last]) => code >= first && code <= last);
}
