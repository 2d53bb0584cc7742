/** What a gateway is started with. */

import type { Readable } from "node:stream";
import type { Platform } from "@aiko/mqtt";
import type { FileSystem } from "@aiko/mqtt-store";
import type { Recorder } from "../recording/recorder.js";
import type { Machine } from "./machine.js";

/** Options of `Gateway.start`. */
export interface GatewayOptions {
  /** Receives each line of the log, without its end of line. Default: writes it to standard error. */
  readonly log?: ((line: string) => void) | undefined;
  /** What the source "stdin" reads. Default: standard input. */
  readonly input?: Readable | undefined;
  /** Clock, randomness and network. Default: those of Node. */
  readonly platform?: Platform | undefined;
  /** The file system of the spool. Default: that of Node, or memory if the spool has the mode "memory". */
  readonly fileSystem?: FileSystem | undefined;
  /** Records what the sources receive. Default: none. */
  readonly recorder?: Recorder | undefined;
  /** Whether the gateway connects to a server. Default true. If false, records stay in the spool, and QoS 0 records are dropped as "offline". */
  readonly connects?: boolean | undefined;
  /** The version that the gateway reports. Default: none. */
  readonly version?: string | undefined;
  /** @internal What the gateway runs on. Default: Node, with the options `log`, `input`, `platform` and `fileSystem`. */
  readonly machine?: Machine | undefined;
}
