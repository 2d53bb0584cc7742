/** What the drivers of serial lines have in common. */

import type { Duplex } from "node:stream";
import type { SerialSettings } from "../configuration/configuration.js";
import type { Opener } from "./stream-source.js";

/** A device is open again within a second of its return, also where directories cannot be watched. */
const DELAYS = { min: 100, max: 800 };
/** Milliseconds of silence between what the device sends and what is sent to it. */
const TURN_AROUND = 5;

/** How a serial line is used once it is open. */
export function lineUse({ rs485 }: SerialSettings): Pick<Opener, "duplex" | "silence" | "delays"> {
  return { duplex: "half", silence: rs485 ? TURN_AROUND : 0, delays: DELAYS };
}

/** A serial line that is open, and not read yet. */
export interface SerialPort {
  /** Discards what has come and was not read. */
  flush(): Promise<void>;
  /** Begins to read. The stream owns the line from then on. */
  stream(): Duplex;
  /** Closes a line that has no stream. */
  close(): void;
}
