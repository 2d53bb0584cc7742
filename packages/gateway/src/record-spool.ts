/** What the gateway uses of a spool: `Spool` has it, and `MemorySpool`. */

import type { Spool } from "@aiko/mqtt-store";

export type RecordSpool = Pick<
  Spool,
  "append" | "read" | "settle" | "count" | "checkpoint" | "onRecords" | "onRoom" | "unwritten" | "statistics" | "close"
>;
