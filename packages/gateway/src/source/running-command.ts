/** A command that was started: what the source "exec" uses of it. Each machine starts commands in its own way. */

import type { Clock } from "@aiko/mqtt";
import type { Log } from "@aiko/mqtt-configuration";
import type { ExecSettings } from "../configuration/configuration.js";
import type { ByteInput, ByteOutput } from "./byte-stream.js";

export interface RunningCommand {
  /** What it prints. Closed at the latest when the command has ended. */
  readonly output: ByteInput;
  readonly input: ByteOutput;
  /** Resolves when the command has ended and its output is closed: to what happened, or to undefined if the exit code is 0. */
  readonly ended: Promise<string | undefined>;
  /** Ends the command. */
  kill(): Promise<void>;
}

/** Starts a command. @throws Error if it cannot be started */
export type StartCommand = (settings: ExecSettings, clock: Clock, log: Log) => RunningCommand;
