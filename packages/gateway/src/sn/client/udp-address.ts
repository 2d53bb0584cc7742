/** The URL of a gateway, or of a group of them: `udp://host:port`. */

import { UsageError } from "@aiko/mqtt";

/** The port of gateways, which the specification leaves open. */
const PORT = 10_000;

export interface UdpAddress {
  readonly host: string;
  readonly port: number;
}

/** @param what what the URL is, for errors @throws UsageError URL_INVALID */
export function udpAddressOf(what: string, url: string): UdpAddress {
  const wrong = (rule: string): UsageError => new UsageError("URL_INVALID", `${what} "${url}": ${rule}`);
  let parsed: URL;
  try {
    parsed = new URL(url);
  } catch {
    throw wrong("must be a URL, such as udp://gateway.example:10000");
  }
  const { protocol, hostname, port, pathname, search, hash, username, password } = parsed;
  if (protocol !== "udp:") throw wrong("must begin with udp://; pass an object of your own for another way");
  if (hostname === "") throw wrong("has no host");
  if (`${search}${hash}${username}${password}` !== "" || !["", "/"].includes(pathname)) {
    throw wrong("must have a host and a port only");
  }
  if (port === "0") throw wrong("the port must not be 0");
  const isV6 = hostname.startsWith("[");
  return { host: isV6 ? hostname.slice(1, -1) : hostname, port: port === "" ? PORT : Number(port) };
}
