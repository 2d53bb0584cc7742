// Shared by the tests of the small client: the network of the full client's tests, with small clients on it.
import { createClient, type SmallClient, type SmallOptions } from "@aiko/mqtt/small";
import type { ClockKind } from "@aiko/mqtt/testing";
import { NetworkBench } from "../client/bench.ts";

export { message, watch } from "../client/bench.ts";

/** The versions that the small client supports. */
export const VERSIONS = [4, 5] as const;

export class SmallBench extends NetworkBench<SmallOptions, SmallClient> {
  /** With a clock of this kind, and no faults. */
  static on(kind: ClockKind): SmallBench {
    return new SmallBench(undefined, undefined, kind);
  }

  create(options: SmallOptions = {}, urls: string | readonly string[] = "mqtt://server"): SmallClient {
    return createClient(urls, { platform: this.platform, clientId: "c1", keepAlive: 0, ...options });
  }
}
