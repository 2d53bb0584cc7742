/** What a client tells of itself: its events, and its figures. */

import type { Packet, ProtocolVersion } from "../codec/packets.js";
import type { ConnackProperties } from "../codec/properties.js";
import { type MqttError, UsageError } from "../errors.js";
import { assertFunction, questionOf } from "../options/option-error.js";
import type { OutboxCounts } from "../session/outgoing/outbox.js";
import { shownValue } from "../topic/shown-value.js";
import type { Message } from "./receiving/message.js";
import type { SlowConsumer } from "./receiving/slow-consumer.js";

/** What is known of a connection when the server has accepted it. */
export interface Connected {
  /** The server's URL, without credentials. */
  readonly server: string;
  readonly protocolVersion: ProtocolVersion;
  /** The client's own, or the one that the server assigned. */
  readonly clientId: string;
  /** Whether the server still had this client's session; always false on 3.1, which does not say. */
  readonly sessionPresent: boolean;
  /** CONNACK's properties; empty before MQTT 5. */
  readonly properties: ConnackProperties;
}

export interface ClientEvents {
  /** CONNACK has accepted, the first time or again. */
  connected: Connected;
  /** A connection that was accepted is over; `reconnecting` or `closed` follows. */
  disconnected: { readonly error: MqttError };
  /** The next attempt is made in `delay` milliseconds, a whole number. */
  reconnecting: { readonly attempt: number; readonly delay: number; readonly error: MqttError };
  /**
   * Another client uses this client's identifier. Certain if the server reported it (MQTT 5): the client is then closed. Otherwise
   * inferred, from connections that the server closes soon after accepting them, or from a report in the first minute, when the cause may
   * be a delayed CONNECT of an earlier process: the client then reconnects, with growing delays.
   */
  takenOver: { readonly clientId: string; readonly certain: boolean; readonly error: MqttError };
  /** The client will not connect again; without an error if `disconnect` was called. */
  closed: { readonly error: MqttError | undefined };
  /**
   * What no promise could be rejected with: a handler or a listener that threw, a subscription denied after reconnecting. The first
   * that nobody listens for is written to the console, where there is one.
   */
  error: unknown;
  /** A message came under a subscription of an earlier process that this one has not made (again). */
  unclaimed: Message;
  /** More waits for a subscription, or for longer, than is good for the others. Once, until it is down to half the bound. */
  slowConsumer: SlowConsumer;
  /** A message that a subscription does not get: at QoS 0 there is no room, else its handler or iterator is overdue. */
  dropped: Message;
  /**
   * The server does not keep this client's receive maximum [MQTT5-3.3.4-9]. The messages are taken as far as the option `inbox` has room.
   * Emitted once a connection; `statistics.beyondReceiveMaximum` counts them.
   */
  receiveMaximumExceeded: { readonly receiveMaximum: number };
  /**
   * Connections end soon after they are accepted, again and again: the client keeps reconnecting, with growing delays. Emitted at the
   * third such connection in a row and at every tenth. `error` is what the last one ended with; its code names the pattern.
   */
  unstable: { readonly connections: number; readonly error: MqttError };
  /** A packet came. */
  packet: Packet;
}

const named: Readonly<Record<keyof ClientEvents, true>> = {
  connected: true,
  disconnected: true,
  reconnecting: true,
  takenOver: true,
  closed: true,
  error: true,
  unclaimed: true,
  slowConsumer: true,
  dropped: true,
  receiveMaximumExceeded: true,
  unstable: true,
  packet: true,
};
const names = Object.keys(named);

/**
 * For those who have no compiler to tell them.
 *
 * @throws UsageError OPTION_UNKNOWN or OPTION_INVALID
 */
export function assertListener(name: string, listener: unknown): void {
  assertEvent(name);
  assertFunction("listener", listener);
}

/** @throws UsageError OPTION_UNKNOWN */
export function assertEvent(name: string): void {
  if (!names.includes(name)) {
    const instead =
      name === "message"
        ? "; to receive messages, call subscribe(filter, { onMessage })"
        : `; the events are ${names.join(", ")}${questionOf(String(name), names)}`;
    throw new UsageError("OPTION_UNKNOWN", `unknown event ${shownValue(name)}${instead}`);
  }
}

/** A snapshot; counts are since the client was made. */
export interface ClientStatistics {
  readonly connections: number;
  readonly messagesPublished: number;
  readonly messagesReceived: number;
  /** Messages told as `dropped`. */
  readonly messagesDropped: number;
  /** Messages published whose outcome is not known yet. */
  readonly pendingPublishes: number;
  /** What the outbox's bounds and policy did with messages. */
  readonly outbox: OutboxCounts;
  /** Messages received that handlers and iterators have not finished with. */
  readonly pendingMessages: number;
  /** Messages that the server sent beyond this client's receive maximum, against the protocol; they were taken all the same. */
  readonly beyondReceiveMaximum: number;
  readonly subscriptions: number;
  /** The subscriptions that are slow at present. */
  readonly slowConsumers: readonly SlowConsumer[];
}
