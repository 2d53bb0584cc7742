/**
 * What is kept of a session, so that the next process continues it, and its bytes. Only sessions that are not clean are kept.
 * Knows no store.
 */

import { base64, base64Bytes } from "../../text/base64.js";
import { hex, hexBytes } from "../../text/hex.js";
import { readUtf8, utf8Bytes } from "../../text/utf8.js";
import { type Route, routeOf } from "./route.js";
import type { SnFilter, SnWill } from "./sn-uplink.js";

export interface KeptSession {
  readonly clientId: string;
  readonly route: Route;
  /** "away": the client has left, or is lost. */
  readonly state: "active" | "asleep" | "away";
  /** Milliseconds; 0 unless it is asleep. */
  readonly sleep: number;
  /** Milliseconds; 0: the client may be silent for ever. */
  readonly keepAlive: number;
  readonly will: SnWill | undefined;
  /** The identifiers that the client has asked for. */
  readonly topics: readonly (readonly [name: string, id: number])[];
  /** The identifiers of QoS 2 messages of the client that were received and not released. */
  readonly received: readonly number[];
  readonly filters: readonly SnFilter[];
}

/** A session with another number was not kept by this version. */
const VERSION = 1;

/** Returns the bytes of a session. */
export function keptBytes({ route, will, ...session }: KeptSession): Uint8Array {
  const { peer, encapsulation } = route;
  const node = encapsulation && { id: hex(encapsulation.wirelessNodeId), radius: encapsulation.radius };
  const text = JSON.stringify({
    version: VERSION,
    ...session,
    peer,
    node,
    will: will && { ...will, message: base64(will.message) },
  });
  return utf8Bytes(text) ?? new Uint8Array(0);
}

/** Returns the session of bytes. Undefined if they are not one of this version. */
export function keptSession(bytes: Uint8Array): KeptSession | undefined {
  const text = readUtf8(bytes, 0, bytes.length);
  if (typeof text !== "string") return undefined;
  try {
    // biome-ignore lint/suspicious/noExplicitAny: the store verifies the bytes that `keptBytes` has made
    const read: any = JSON.parse(text);
    if (read.version !== VERSION) return undefined;
    const { clientId, state, sleep, keepAlive, topics, received, filters, peer, node, will } = read;
    const wirelessNodeId = node && hexBytes(node.id);
    const message = will && base64Bytes(will.message);
    return {
      clientId,
      state,
      sleep,
      keepAlive,
      topics,
      received,
      filters,
      route: routeOf(peer, wirelessNodeId && { wirelessNodeId, radius: node.radius }),
      will: will && { ...will, message },
    };
  } catch {
    return undefined;
  }
}
