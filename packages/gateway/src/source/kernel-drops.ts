/** How many datagrams Linux has dropped because a socket's buffer was full. Knows nothing of who asks. */

import { readFileSync } from "node:fs";
import { isIPv6 } from "node:net";
import { endianness } from "node:os";

/**
 * Bytes that a UDP socket should keep until they are read: a burst during a garbage collection. The system may allow less
 * (Linux: net.core.rmem_max).
 */
export const RECEIVE_BUFFER = 4 * 2 ** 20;

/** Where a UDP socket is bound. */
export interface BoundTo {
  readonly address: string;
  readonly port: number;
}

/** Columns of a line: the local address, and the drops. */
const LOCAL = 1;
const DROPS = 12;

/** Returns the drops of the sockets that are bound there. Undefined: this system does not report them. */
export function kernelDrops(bound: BoundTo): number | undefined {
  try {
    return dropsIn(readFileSync(isIPv6(bound.address) ? "/proc/net/udp6" : "/proc/net/udp", "latin1"), bound);
  } catch {
    return undefined;
  }
}

/** @param table the text of /proc/net/udp or udp6 */
export function dropsIn(table: string, bound: BoundTo): number | undefined {
  const local = localAddress(bound);
  let drops: number | undefined;
  for (const line of table.split("\n")) {
    if (!line.includes(local)) continue;
    const columns = line.trim().split(/ +/);
    if (columns[LOCAL] === local) drops = (drops ?? 0) + Number(columns[DROPS]);
  }
  return drops;
}

/** As the kernel writes it: words of 32 bits in the machine's order, in hexadecimal digits. */
function localAddress({ address, port }: BoundTo): string {
  const bytes = isIPv6(address) ? bytesOfV6(address) : address.split(".").map(Number);
  const words: string[] = [];
  for (let at = 0; at < bytes.length; at += 4) {
    const word = bytes.slice(at, at + 4).map((byte) => hex(byte, 2));
    words.push((endianness() === "LE" ? word.reverse() : word).join(""));
  }
  return `${words.join("")}:${hex(port, 4)}`;
}

function bytesOfV6(address: string): number[] {
  const [before = [], after = []] = (address.split("%", 1)[0] ?? "").split("::", 2).map(groupsOf);
  const zeros = new Array<number>(8 - before.length - after.length).fill(0);
  return [...before, ...zeros, ...after].flatMap((group) => [group >> 8, group & 0xff]);
}

function groupsOf(text: string): number[] {
  return text === "" ? [] : text.split(":").map((group) => Number.parseInt(group, 16));
}

function hex(value: number, digits: number): string {
  return value.toString(16).toUpperCase().padStart(digits, "0");
}
