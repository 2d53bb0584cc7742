/** Why a record or a frame was dropped: a closed list, so that metrics can be relied on. */

/** docs/gateway says what each means. "refused:0x87" and the like are a server's reason codes. */
export type DropReason =
  | "checksum"
  | "cleared"
  | "damaged"
  | "decode"
  | "duplicate"
  | "encode"
  | "encoding"
  | "expired"
  | "filtered"
  | "full"
  | "incomplete"
  | "late"
  | "loop"
  | "malformed"
  | "offline"
  | "rate"
  | "too-long"
  | "topic"
  | "unsolicited"
  | `refused:0x${string}`;
