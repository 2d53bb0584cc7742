/**
 * Parses the servers of a Server Reference [MQTT5 4.11]. The text comes from the peer. Everything except a host name or
 * address, with or without a port, is skipped, so that it cannot contain a path, scheme, user name or Unix socket.
 */

export interface NamedServer {
  /** In lower case, without the brackets of an IPv6 address. */
  readonly host: string;
  readonly port: number | undefined;
}

/** How many names are used. With more, a server could make its clients scan a network. */
export const MOST_REFERENCES = 8;
/** The most characters of a DNS name [RFC 1035 2.3.4]. */
const LONGEST_HOST = 253;

/** Returns at most eight servers, in the server's order. */
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

/** Returns whether the text is not empty and contains only these characters. */
function isMadeOf(text: string, characters: string): boolean {
  for (const character of text) if (!characters.includes(character)) return false;
  return text !== "";
}
