/** What the machine of a gateway reports to be counted. Knows no metrics. */

import type { DropReason } from "../../drop-reason.js";

/**
 * Why a message for a client was dropped. "full": its queue has no room, or the client has no topic identifier left.
 * "refused": the client refused the message or its topic. "too-long": the message does not fit into a datagram.
 */
export type UndeliveredReason = "full" | "refused" | "too-long";

export interface SnReport {
  /** The far side has thrown or rejected, against its contract. The client was answered with congestion. */
  failed(error: unknown): void;
  /** Something that came from a device was dropped. */
  dropped(reason: DropReason, detail: string): void;
  /** A message for a client was dropped. */
  undelivered(reason: UndeliveredReason): void;
  /** A message to a client was sent again, because no answer came. */
  retried(): void;
}
