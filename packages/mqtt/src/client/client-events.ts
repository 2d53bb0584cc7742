/** The events of a client, and its statistics. */

import type { Packet, ProtocolVersion } from "../codec/packets.js";
import type { ConnackProperties } from "../codec/properties.js";
import { type MqttError, UsageError } from "../errors.js";
import { assertFunction, questionOf } from "../options/option-error.js";
import type { OutboxCounts } from "../session/outgoing/outbox.js";
import { shownValue } from "../topic/shown-value.js";
import type { Message } from "./receiving/message.js";
import type { SlowConsumer } from "./receiving/slow-consumer.js";

/** Describes a connection that the server has accepted. */
export interface Connected {
  /** The server's URL, without credentials. */
  readonly server: string;
  /** The protocol version in use. */
  readonly protocolVersion: ProtocolVersion;
  /** The client identifier: the client's own, or the one that the server assigned. */
  readonly clientId: string;
  /** Whether the server still had this client's session. Always false on 3.1, which does not report it. */
  readonly sessionPresent: boolean;
  /** The properties of CONNACK. Empty before MQTT 5. */
  readonly properties: ConnackProperties;
}

/** The events of a client, with the value that listeners receive. */
export interface ClientEvents {
  /** The server accepted a connection, the first or a later one. */
  connected: Connected;
  /** A connection that was accepted has ended. `reconnecting` or `closed` follows. */
  disconnected: { readonly error: MqttError };
  /** The client connects again in `delay` milliseconds, a whole number. */
  reconnecting: { readonly attempt: number; readonly delay: number; readonly error: MqttError };
  /**
   * Another client uses this client's identifier. `certain` is true if the server reported it (MQTT 5): the client is
   * then closed. If `certain` is false, the client reconnects with growing delays. It is false in two cases. The server
   * closed several connections soon after accepting them; or it reported the other client in the first minute, which a
   * delayed CONNECT of an earlier process may cause.
   */
  takenOver: { readonly clientId: string; readonly certain: boolean; readonly error: MqttError };
  /** The client will not connect again. `error` is undefined if `disconnect` was called. */
  closed: { readonly error: MqttError | undefined };
  /**
   * An error that no promise can report: a handler or a listener threw, or the server denied a subscription after
   * reconnecting. The first one without a listener is written to the console, if there is one.
   */
  error: unknown;
  /** A message arrived for a subscription of an earlier process that this process has not made (yet). */
  unclaimed: Message;
  /**
   * A subscription holds so many messages, or holds one for so long, that it delays others. Emitted once, until the
   * subscription is down to half the bound.
   */
  slowConsumer: SlowConsumer;
  /**
   * A subscription does not receive this message. At QoS 0 there was no room; at QoS 1 and 2 its handler or iterator is
   * overdue.
   */
  dropped: Message;
  /**
   * The server exceeds this client's receive maximum [MQTT5-3.3.4-9]. The client accepts the messages as far as the
   * option `inbox` has room. Emitted once per connection; `statistics.beyondReceiveMaximum` counts the messages.
   */
  receiveMaximumExceeded: { readonly receiveMaximum: number };
  /**
   * Connections end soon after they are accepted, several times in a row. The client keeps reconnecting, with growing
   * delays. Emitted at the third such connection in a row and at every tenth. `error` is the reason of the last one;
   * its code names the pattern.
   */
  unstable: { readonly connections: number; readonly error: MqttError };
  /** A packet arrived. */
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
 * Runtime checks for JavaScript users.
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
        : questionOf(String(name), names) || `; the events are ${names.join(", ")}`;
    throw new UsageError("OPTION_UNKNOWN", `unknown event ${shownValue(name)}${instead}`);
  }
}

/** A snapshot of a client's counters. They count from the creation of the client. */
export interface ClientStatistics {
  /** Connections that a server accepted. */
  readonly connections: number;
  /** Messages that the application published. */
  readonly messagesPublished: number;
  /** Messages received from the server. */
  readonly messagesReceived: number;
  /** Messages that were reported as `dropped`. */
  readonly messagesDropped: number;
  /** Published messages whose outcome is not known yet. */
  readonly pendingPublishes: number;
  /** Messages that the outbox refused, dropped, replaced or let expire. */
  readonly outbox: OutboxCounts;
  /** Received messages that handlers and iterators have not finished. */
  readonly pendingMessages: number;
  /** Messages that the server sent beyond this client's receive maximum, and that the client accepted. */
  readonly beyondReceiveMaximum: number;
  /** Current subscriptions. */
  readonly subscriptions: number;
  /** The current slow consumers. */
  readonly slowConsumers: readonly SlowConsumer[];
}
