/** What a gateway needs of the machine on which it runs. Node has all of it; a router has less. */

import type { Platform } from "@aiko/mqtt";
import type { Log } from "@aiko/mqtt-configuration";
import type { Configuration, SourceSettings } from "../configuration/configuration.js";
import type { DeviceList } from "../presence/device-list.js";
import type { RecordSpool } from "../record-spool.js";
import type { Intake } from "../source/intake.js";
import type { ServerLink } from "../source/server-link.js";
import type { Source } from "../source/source.js";
import type { GatewayStatus } from "./gateway-status.js";
import type { MetricsView } from "./metrics.js";

/** Where a gateway keeps what must outlive a moment. */
interface Storage {
  readonly spool: RecordSpool;
  readonly devices: DeviceList;
}

/** What a gateway shows of itself. */
interface Views {
  status(): GatewayStatus;
  metrics(): Omit<MetricsView, "residentBytes">;
}

/** What shows the views of a gateway. */
export interface Served {
  /** Where the metrics are served. Undefined: nowhere. */
  readonly metrics: string | undefined;
  stop(): Promise<void>;
}

export interface Machine {
  /** Clock, randomness and network. */
  readonly platform: Platform;
  /** Writes a line of the log. */
  write(line: string): void;
  /**
   * Opens the spool.
   *
   * @param synced called after each sync of records, with the seconds that it took
   * @throws StoreError if it cannot be opened
   */
  openStorage(configuration: Configuration, log: Log, synced: (seconds: number) => void): Promise<Storage>;
  /**
   * Makes the source that the settings describe.
   *
   * @param ended called when the input of a source is over
   * @param server the gateway's servers
   */
  createSource(settings: SourceSettings, intake: Intake, ended: () => void, server: ServerLink): Promise<Source>;
  /** Serves the metrics and the status, if they are configured. */
  serve(configuration: Configuration, views: Views, log: Log): Promise<Served>;
}
