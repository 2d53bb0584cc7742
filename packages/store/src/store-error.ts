/** What of the file system's errors becomes of the family that users know. */

import { MqttError, StoreError } from "@aiko/mqtt";
import { codeOf } from "./file-system.js";

const noRoom = new Set(["ENOSPC", "EDQUOT", "EFBIG"]);

/** @param what was to be done, and where */
export function storeError(what: string, error: unknown): MqttError {
  if (error instanceof MqttError) return error;
  const why = error instanceof Error ? error.message : String(error);
  const full = noRoom.has(codeOf(error) ?? "");
  return new StoreError(full ? "STORE_FULL" : "STORE_FAILED", `disk store: could not ${what}: ${why}`, {
    cause: error,
  });
}
