/**
 * Notices a message for which a server ends connections: it hangs up, or says DISCONNECT, whenever the message comes, and everything
 * behind it would wait forever. After such losses, messages in flight are sent again one at a time, so that each loss has
 * one cause. Owns the suspicion; knows nothing of packets.
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

/** What a connection counts on which messages were in flight and none was acknowledged, if the server closed it … */
const CLOSED = 2;
/** … or if it broke, as links do, too. */
const BROKEN = 1;
/** With so much in a row, what is in flight is sent one message at a time. */
const SUSPICIOUS = 8;
/**
 * So often in a row the server must have ended a connection right after the same message, which was sent alone: as for a SUBSCRIBE. With
 * delays that double from a second to a minute, that takes some five minutes.
 */
const CERTAIN = 10;
/** After more connections in a row than that, something else is the cause: what is in flight has been tried by then. */
const MOST_FOR_ONE = 20;

/** Reason codes of DISCONNECT that name what is wrong with a message. */
const NAMING: ReadonlySet<number> = new Set([
  NOT_AUTHORIZED,
  TOPIC_NAME_INVALID,
  PACKET_TOO_LARGE,
  PAYLOAD_FORMAT_INVALID,
  RETAIN_NOT_SUPPORTED,
  QOS_NOT_SUPPORTED,
]);
/** Reason codes of DISCONNECT that have nothing to do with any message. */
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
  /** What the last connections in a row count. */
  private barren = 0;
  /** Connections in a row that the server ended with messages in flight. */
  private ended = 0;
  private suspect: OutgoingMessage | undefined;
  private strikes = 0;
  /** Whether a message was acknowledged over the present connection. */
  private acknowledging = false;

  /** Whether what is in flight is to be sent again one message at a time. */
  get isCareful(): boolean {
    return this.barren >= SUSPICIOUS;
  }

  /** Whether a message may be what the last connections were lost for. */
  get isSuspicious(): boolean {
    return this.ended > 0 && this.ended <= MOST_FOR_ONE;
  }

  /** A message was acknowledged, or refused. */
  acknowledged(): void {
    this.acknowledging = true;
  }

  /** All that was in flight when the suspicion arose has been acknowledged. */
  clear(): void {
    this.barren = 0;
    this.suspect = undefined;
  }

  /**
   * The connection is gone.
   *
   * @param inflight whether messages were in flight
   * @param alone the message that was sent by itself, and had no answer
   * @returns the message that caused the loss, as far as the evidence goes, and the error to reject it with; undefined if no message did
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

/** Whether the server ended the connection, and may have done so because of a message. */
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
