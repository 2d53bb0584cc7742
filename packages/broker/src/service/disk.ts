/** The disk store of a service: where its sessions and messages are kept. Knows nothing of what the broker stores. */

import type { Log } from "@aiko/mqtt-configuration";
import { DiskStore } from "@aiko/mqtt-store";
import type { PersistenceSettings } from "./broker-configuration.js";

/** Returns a store that logs damaged regions, so that the broker starts with the intact records. */
export function diskStore({ dir, maximumBytes }: PersistenceSettings, log: Log): DiskStore {
  return new DiskStore(dir, {
    maximumBytes,
    onDamage: ({ file, offset, bytes, keptAs }) =>
      log.error("a file of the store was damaged", { file, offset, bytes, keptAs }),
  });
}
