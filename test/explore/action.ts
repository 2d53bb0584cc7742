// What can happen in a world, with the names that schedules use.
import type { Faults } from "./scenario.ts";

/** The kinds of fault that a scenario counts. */
export type Fault = Exclude<keyof Faults, "connections">;

export type FaultAction = "cut" | "lose" | "drop" | "kill" | "wipe" | "expire";

/** A number is a connection's. */
export type Action = `arrive ${number} ${"up" | "down"}` | "next step" | "handler returns" | FaultAction;
