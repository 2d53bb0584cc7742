/**
 * Detects a message that makes a server close connections. The server closes, or sends DISCONNECT, whenever the message
 * arrives, and all later messages would wait forever. After several such losses, messages in flight are resent one at a
 * time, so that each loss has one possible cause. Owns the suspicion; knows nothing of packets.
 */

import { type MqttError, RefusedError, TransportError } from "../../errors.js";
import {
  ADMINISTRATIVE_ACTION,
  KEEP_ALIVE_TIMEOUT,
  MAXIMUM_CONNECT_TIME,
  NOT_AUTHORIZED,
  PACKET_TOO_LARGE,
  PAYLOAD_FORMAT_INVALID,
  QOS_NOT_SUPPORTED,
  RETAIN_NOT_SUPPORTED,
  SERVER_BUSY,
  SERVER_MOVED,
  SERVER_SHUTTING_DOWN,
  SESSION_TAKEN_OVER,
  SUCCESS,
  TOPIC_NAME_INVALID,
  USE_ANOTHER_SERVER,
} from "../../reason-code.js";
import type { OutgoingMessage } from "./outgoing-message.js";

/** The weight of a connection with messages in flight and no acknowledgement, if the server closed it … */
const CLOSED = 2;
/** … or if it broke, which links also do. */
const BROKEN = 1;
/** From this weight in a row on, messages in flight are sent one at a time. */
const SUSPICIOUS = 8;
/**
 * How often in a row the server must have closed a connection right after the same message was sent alone; the same as
 * for a SUBSCRIBE. With delays that double from a second to a minute, this takes about five minutes.
 */
const CERTAIN = 10;
/** After more connections in a row than this, there is another cause: all messages in flight were tried by then. */
const MOST_FOR_ONE = 20;

/** Reason codes of DISCONNECT that blame a message. */
const NAMING: ReadonlySet<number> = new Set([
  NOT_AUTHORIZED,
  TOPIC_NAME_INVALID,
  PACKET_TOO_LARGE,
  PAYLOAD_FORMAT_INVALID,
  RETAIN_NOT_SUPPORTED,
  QOS_NOT_SUPPORTED,
]);
/** Reason codes of DISCONNECT that no message causes. */
const INNOCENT: ReadonlySet<number> = new Set([
  SUCCESS,
  SERVER_BUSY,
  SERVER_SHUTTING_DOWN,
  KEEP_ALIVE_TIMEOUT,
  SESSION_TAKEN_OVER,
  ADMINISTRATIVE_ACTION,
  USE_ANOTHER_SERVER,
  SERVER_MOVED,
  MAXIMUM_CONNECT_TIME,
]);

export class PoisonWatch {
  /** The weight of the last connections in a row. */
  private barren = 0;
  /** The number of connections in a row that the server ended with messages in flight. */
  private ended = 0;
  private suspect: OutgoingMessage | undefined;
  private strikes = 0;
  /** Whether a message was acknowledged on the current connection. */
  private acknowledging = false;

  /** Whether messages in flight must be resent one at a time. */
  get isCareful(): boolean {
    return this.barren >= SUSPICIOUS;
  }

  /** Whether the last connections may have been lost because of a message. */
  get isSuspicious(): boolean {
    return this.ended > 0 && this.ended <= MOST_FOR_ONE;
  }

  /** Called when a message was acknowledged or refused. */
  acknowledged(): void {
    this.acknowledging = true;
  }

  /** Called when all messages that were in flight when the suspicion arose are acknowledged. */
  clear(): void {
    this.barren = 0;
    this.suspect = undefined;
  }

  /**
   * Called when the connection is lost.
   *
   * @param inflight whether messages were in flight
   * @param alone the message that was sent alone and not answered
   * @returns the message that most likely caused the loss, and the error to reject it with; undefined if no message did
   */
  lost(
    error: MqttError | undefined,
    inflight: boolean,
    alone: OutgoingMessage | undefined,
  ): { readonly message: OutgoingMessage; readonly error: MqttError } | undefined {
    const { acknowledging } = this;
    this.acknowledging = false;
    const named = error instanceof RefusedError && NAMING.has(error.reasonCode);
    if (error === undefined || !mayBeFor(error)) return undefined;
    this.ended = inflight ? this.ended + 1 : 0;
    if (alone === undefined) {
      if (this.isCareful) return undefined; // nothing was sent yet
      if (!inflight || (acknowledging && !named)) this.barren = 0;
      else if (named) this.barren = SUSPICIOUS;
      else this.barren += error.cause === undefined ? CLOSED : BROKEN;
      return undefined;
    }
    this.strikes = this.suspect === alone ? this.strikes + 1 : 1;
    this.suspect = alone;
    if (this.strikes < CERTAIN && !named) return undefined;
    this.suspect = undefined;
    return { message: alone, error: outcomeOf(alone, error) };
  }
}

/** Returns whether the server ended the connection, possibly because of a message. */
function mayBeFor(error: MqttError): boolean {
  if (error instanceof RefusedError) return error.code === "DISCONNECTED_BY_SERVER" && !INNOCENT.has(error.reasonCode);
  return error.code === "CONNECTION_LOST";
}

function outcomeOf({ topic }: OutgoingMessage, error: MqttError): MqttError {
  const what = `the server closes the connection each time it receives the message for "${topic}": ${error.message}`;
  if (error instanceof RefusedError) {
    const { reasonCode, reasonString, userProperties } = error;
    return new RefusedError("PUBLISH_REFUSED", reasonCode, what, { reasonString, userProperties });
  }
  return new TransportError("PUBLISH_UNANSWERED", what, { cause: error });
}
