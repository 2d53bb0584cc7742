/**
 * Where a client can be reached: a network address, and behind a forwarder the address that the forwarder has for it
 * [SN 5.5]. Knows no session.
 */

import { hex } from "../../text/hex.js";
import type { Encapsulation } from "../packets.js";

/** The sender of a datagram. */
export interface SnPeer {
  /** Host and port, or the name of a line: unique among all that can be answered. */
  readonly address: string;
  /** The host alone, for limits. */
  readonly host: string;
  /** Whether many clients may share the host: loopback, a serial line. */
  readonly isShared: boolean;
}

/** The way to one client. */
export interface Route {
  /** Unique: two clients cannot have the same. */
  readonly key: string;
  readonly peer: SnPeer;
  readonly encapsulation: Encapsulation | undefined;
}

/** Returns the way back to the sender of a frame. A forwarder's names belong to its own address. */
export function routeOf(peer: SnPeer, encapsulation: Encapsulation | undefined): Route {
  const { address } = peer;
  const key = encapsulation === undefined ? address : `${address} ${hex(encapsulation.wirelessNodeId)}`;
  return { key, peer, encapsulation };
}
