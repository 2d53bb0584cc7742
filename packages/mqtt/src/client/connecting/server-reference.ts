/**
 * The servers that a Server Reference names [MQTT5 4.11]. It is the peer's text: what is not exactly the name or the address of a host,
 * with or without a port, is passed over, so that no path, scheme, user name or Unix socket can be named.
 */

export interface NamedServer {
  /** Without the brackets of an IPv6 address, in lower case. */
  readonly host: string;
  readonly port: number | undefined;
}

/** Names that are looked at; a server that refers to more would have its clients scan a network. */
export const MOST_REFERENCES = 8;
/** Characters of the longest name that DNS has [RFC 1035 2.3.4]. */
const LONGEST_HOST = 253;

/** At most eight of them, in the server's order. */
export function serversNamedBy(serverReference: string): readonly NamedServer[] {
  const servers: NamedServer[] = [];
  for (const text of serverReference.split(" ")) {
    const server = parse(text);
    if (server !== undefined && servers.push(server) === MOST_REFERENCES) break;
  }
  return servers;
}

function parse(text: string): NamedServer | undefined {
  const isAddress6 = text.startsWith("[");
  const end = text.indexOf(isAddress6 ? "]" : ":");
  const host = text.slice(isAddress6 ? 1 : 0, end < 0 ? undefined : end).toLowerCase();
  if (host.length > LONGEST_HOST || !isMadeOf(host, isAddress6 ? ADDRESS_6 : HOST_NAME)) return undefined;
  if (isAddress6 ? end < 0 || !host.includes(":") : host.startsWith("-")) return undefined;
  const rest = end < 0 ? "" : text.slice(isAddress6 ? end + 1 : end);
  if (rest === "") return { host, port: undefined };
  const digits = rest.slice(1);
  const port = Number(digits);
  if (!rest.startsWith(":") || digits.length > 5 || !isMadeOf(digits, DIGITS) || port < 1 || port > 65_535)
    return undefined;
  return { host, port };
}

const DIGITS = "0123456789";
const ADDRESS_6 = `${DIGITS}abcdef:.`;
const HOST_NAME = `${DIGITS}abcdefghijklmnopqrstuvwxyz-._`;

/** Whether it is not empty and has no other character. */
function isMadeOf(text: string, characters: string): boolean {
  for (const character of text) if (!characters.includes(character)) return false;
  return text !== "";
}
