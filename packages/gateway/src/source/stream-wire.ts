/** A stream as a wire: what the device sends goes to the intake, and what is written to the device has a bound. Does not open or close streams. */

import type { Readable, Writable } from "node:stream";
import type { Peer } from "../pipeline/outcome.js";
import type { Channel, Duplex } from "./channel.js";
import type { Intake } from "./intake.js";

/** Bytes that a device may leave unread before its wire is closed. */
const MOST_UNREAD = 2 ** 16;

/** @param output is destroyed if the device does not read */
export function attach(intake: Intake, peer: Peer, input: Readable, output: Writable, duplex: Duplex): Channel {
  const channel = intake.open(peer, {
    duplex,
    write: (bytes) => {
      if (!output.writable) return;
      output.write(bytes);
      if (output.writableLength <= MOST_UNREAD) return;
      const facts = { source: intake.settings.id, peer: peer.peer };
      intake.parts.log.warn("a device does not read its answers; it is disconnected", facts);
      output.destroy();
    },
    pause: () => input.pause(),
    resume: () => input.resume(),
  });
  input.on("data", (bytes: Uint8Array) => channel.receive(bytes));
  return channel;
}
