/** What a gateway says of itself. */

import type { SpoolStatistics } from "@aiko/mqtt-store";
import type { SourceStatus } from "../source/source.js";
import type { UplinkStatus } from "../uplink/uplink.js";

/** The state of a gateway. */
export interface GatewayStatus {
  readonly id: string;
  readonly startedAt: string;
  readonly uplink: UplinkStatus;
  readonly spool: SpoolStatistics;
  readonly sources: Readonly<Record<string, SourceStatus>>;
  readonly failedReloads: number;
  /** Where the metrics are served. Undefined: nowhere. */
  readonly metrics: string | undefined;
}
