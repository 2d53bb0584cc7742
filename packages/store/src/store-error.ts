/** Converts errors of the file system to StoreErrors. */

import { MqttError, StoreError } from "@aiko/mqtt";
import { codeOf } from "./file-system.js";

const noRoom = new Set(["ENOSPC", "EDQUOT", "EFBIG"]);

/** @param what the failed operation, and its place */
export function storeError(what: string, error: unknown): MqttError {
  if (error instanceof MqttError) return error;
  const why = error instanceof Error ? error.message : String(error);
  const full = noRoom.has(codeOf(error) ?? "");
  return new StoreError(full ? "STORE_FULL" : "STORE_FAILED", `disk store: could not ${what}: ${why}`, {
    cause: error,
  });
}
