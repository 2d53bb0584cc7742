/** A stream as a wire: what the device sends goes to the intake, and what is written to the device has a bound. Does not open or close streams. */

import type { Peer } from "../pipeline/outcome.js";
import type { ByteInput, ByteOutput } from "./byte-stream.js";
import { Channel } from "./channel.js";
import type { Duplex } from "./duplex.js";
import type { Intake } from "./intake.js";
import { TurnAround } from "./turn-around.js";

/** Bytes that a device may leave unread before its wire is closed. */
const MOST_UNREAD = 2 ** 16;

/**
 * @param output is destroyed if the device does not read
 * @param silence milliseconds that the device must have been silent before it is written to
 */
export function attach(
  intake: Intake,
  peer: Peer,
  input: ByteInput,
  output: ByteOutput,
  duplex: Duplex,
  silence = 0,
): Channel {
  const write = (bytes: Uint8Array): void => {
    if (output.writable) output.write(bytes);
  };
  const turn = silence === 0 ? undefined : new TurnAround(silence, intake.parts.clock, write);
  const channel = new Channel(intake, peer, {
    duplex,
    write: (bytes) => {
      if (!output.writable) return false;
      if (turn === undefined) write(bytes);
      else turn.write(bytes);
      if (output.writableLength + (turn?.length ?? 0) <= MOST_UNREAD) return true;
      const facts = { source: intake.settings.id, peer: peer.peer };
      intake.parts.log.warn("a device does not read its answers; it is disconnected", facts);
      output.destroy();
      return false;
    },
    pause: () => input.pause(),
    resume: () => input.resume(),
  });
  input.on("data", (bytes: Uint8Array) => {
    turn?.received();
    channel.receive(bytes);
  });
  input.on("close", () => turn?.close());
  return channel;
}
