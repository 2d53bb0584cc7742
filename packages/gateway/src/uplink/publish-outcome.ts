/** What a failed publication means for its record: a record that no server takes must not block those behind it. Pure. */

import { MqttError, ReasonCode, RefusedError } from "@aiko/mqtt";
import type { DropReason } from "../drop-reason.js";

/** What to do with the record. */
export type PublishOutcome =
  /** Publish it again as soon as there is a connection. */
  | { readonly next: "retry" }
  /** Publish nothing for a while, then this first. */
  | { readonly next: "pause" }
  /** Publish it again a few times, then drop it. */
  | { readonly next: "retry-few"; readonly reason: DropReason }
  | { readonly next: "drop"; readonly reason: DropReason };

/** How often a record is published that a server refuses without saying why. */
export const MOST_TRIES = 3;

const RETRY: PublishOutcome = { next: "retry" };

/** Errors of the client that the record causes, by code: what the server would say. */
const LOCAL: Readonly<Record<string, number>> = {
  RETAIN_NOT_AVAILABLE: ReasonCode.RETAIN_NOT_SUPPORTED,
  MAXIMUM_QOS_EXCEEDED: ReasonCode.QOS_NOT_SUPPORTED,
  MAXIMUM_PACKET_SIZE_EXCEEDED: ReasonCode.PACKET_TOO_LARGE,
  // The server closes the connection whenever it receives the message.
  PUBLISH_UNANSWERED: ReasonCode.UNSPECIFIED_ERROR,
};

/** @param error what `publish` rejected with */
export function publishOutcome(error: unknown): PublishOutcome {
  if (!(error instanceof MqttError)) return RETRY;
  const local = LOCAL[error.code];
  if (local !== undefined) return { next: "drop", reason: refused(local) };
  if (error.code === "MESSAGE_EXPIRED") return { next: "drop", reason: "expired" };
  if (error.name === "UsageError") return { next: "drop", reason: "topic" };
  if (!(error instanceof RefusedError) || error.code !== "PUBLISH_REFUSED" || error.reasonCode === undefined)
    return RETRY;
  switch (error.reasonCode) {
    case ReasonCode.QUOTA_EXCEEDED:
      return { next: "pause" };
    case ReasonCode.UNSPECIFIED_ERROR:
    case ReasonCode.IMPLEMENTATION_SPECIFIC_ERROR:
      return { next: "retry-few", reason: refused(error.reasonCode) };
    default:
      return { next: "drop", reason: refused(error.reasonCode) };
  }
}

function refused(reasonCode: number): DropReason {
  return `refused:0x${reasonCode.toString(16).padStart(2, "0")}`;
}
