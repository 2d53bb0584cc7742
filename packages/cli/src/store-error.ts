/** The exit codes of commands that keep something on disk. */

import { MqttError } from "@aiko/mqtt";
import { CommandError } from "./command.js";

/** Exit codes, as in sysexits.h: another process has the directory; it cannot be used. */
const EX_CANTCREAT = 73;
const EX_IOERR = 74;

/** Returns the error that a command ends with if its directory cannot be used: with its exit code. */
export function storeError(error: unknown): unknown {
  if (!(error instanceof MqttError)) return error;
  if (error.code === "STORE_LOCKED") return new CommandError(error.message, EX_CANTCREAT);
  return error.name === "StoreError" ? new CommandError(error.message, EX_IOERR) : error;
}
