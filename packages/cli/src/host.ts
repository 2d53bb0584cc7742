/** Checks a host on a command line: a name or an address only. */

import { ArgumentError } from "./arguments.js";

/** @throws ArgumentError */
export function assertHost(host: string): void {
  const [, port] = /^(?:[^:\s]+|\[[^\]\s]+\]):(\d+)$/.exec(host) ?? [];
  if (port !== undefined) throw new ArgumentError(`host "${host}": pass the port with -p ${port}`);
  if (!/^[^\s/@?#[\]]+$/.test(host)) throw new ArgumentError(`host "${host}": must be a host name or an IP address`);
}

/** Returns the host as it is written in a URL. */
export function inUrl(host: string): string {
  return host.includes(":") ? `[${host}]` : host;
}
