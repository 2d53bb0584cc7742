/** Addresses to listen on, each of which only one part of a configuration may use. */

import type { Place } from "./place.js";

/**
 * Reports an address that another part of the configuration has. Port 0 is any free port. An empty host stands for all addresses.
 *
 * @param space what tells the ports of UDP from those of TCP
 */
export function claimAddress(
  { host, port }: { readonly host: string; readonly port: number },
  place: Place,
  space = "",
): void {
  if (port === 0) return;
  const isEverywhere = (each: string): boolean => ["", "0.0.0.0", "::"].includes(each);
  const { reading } = place;
  const line = isEverywhere(host)
    ? reading.lineOfClaim(`${space}port ${port}`)
    : reading.lineOfClaim(`${space}port ${port} everywhere`);
  const same = reading.claim(`${space}port ${port} of ${host}`, place.path);
  reading.claim(`${space}port ${port}`, place.path);
  if (isEverywhere(host)) reading.claim(`${space}port ${port} everywhere`, place.path);
  const other = same ?? line;
  if (other !== undefined)
    place.problem(`port ${port} of this address is used in line ${other} already; choose another port`);
}
