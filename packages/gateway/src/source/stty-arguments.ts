/** The arguments with which `stty` sets a serial line as its settings say. Starts nothing. */

import type { SerialSettings } from "../configuration/configuration.js";

/** Sets the line without waiting for what is still to be sent. Not every stty has it. */
export const NO_WAIT = "-drain";

/** The line as the device has it: no character has a meaning, and the modem's lines are ignored. */
export function sttyArguments({ baud, data, parity, stop, flow }: SerialSettings): string[] {
  return [
    ...["raw", "-echo", "-echoe", "-echok", "-iexten", "clocal", "cread", "-hupcl"],
    ...[String(baud), `cs${data}`, stop === 2 ? "cstopb" : "-cstopb"],
    ...(parity === "none" ? ["-parenb"] : ["parenb", parity === "odd" ? "parodd" : "-parodd"]),
    ...(flow === "xonxoff" ? ["ixon", "ixoff"] : ["-ixon", "-ixoff"]),
    flow === "rtscts" ? "crtscts" : "-crtscts",
  ];
}
