/** The other direction: bytes for a device become a frame with its check. A framer finds in it exactly the bytes that it was made of. */

import type { CheckSettings, DelimiterSettings, FrameSettings } from "../configuration/frame-settings.js";
import { Failure } from "../failure.js";
import { hex } from "../text/hex.js";
import { joined } from "../text/joined.js";
import { appendCheck, createCheck } from "./check.js";
import { encodeCobs } from "./cobs.js";
import { encodeLength } from "./length.js";
import { encodeModbusRtu } from "./modbus-rtu.js";
import { Sequence } from "./sequence.js";
import { encodeSlip } from "./slip.js";

/** Returns the frame, or why these bytes cannot be one. */
export type FrameEncoder = (body: Uint8Array) => Uint8Array | Failure;

export function frameEncoder({ frame, check }: { frame: FrameSettings; check: CheckSettings }): FrameEncoder {
  if (frame.kind === "length") {
    const verified = createCheck(check);
    return (body) => encodeLength(frame, verified, body);
  }
  const enclose = encloser(frame);
  return (body) => {
    const checked = appendCheck(check, body);
    return checked instanceof Failure ? checked : enclose(checked);
  };
}

function encloser(frame: Exclude<FrameSettings, { kind: "length" }>): FrameEncoder {
  switch (frame.kind) {
    case "line":
      return encodeLine;
    case "cobs":
      return encodeCobs;
    case "slip":
      return encodeSlip;
    case "modbus-rtu":
      return encodeModbusRtu;
    case "delimiter":
      return (body) => encodeDelimiter(frame, body);
    case "datagram":
    case "gap":
    case "paren":
      return (body) => body;
  }
}

const LF = 0x0a;
const CR = 0x0d;

function encodeLine(line: Uint8Array): Uint8Array | Failure {
  const end = line.findIndex((byte) => byte === LF || byte === CR);
  if (end >= 0) return new Failure("malformed", `byte ${end} ends a line, so it cannot be in one`);
  return joined(line, Uint8Array.of(LF));
}

function encodeDelimiter({ start, end, keep }: DelimiterSettings, body: Uint8Array): Uint8Array | Failure {
  const before = start ?? new Uint8Array(0);
  const whole = keep ? body : joined(before, body, end);
  const wrongStart = before.findIndex((byte, i) => whole[i] !== byte);
  if (wrongStart >= 0) return new Failure("malformed", `the frame must begin with 0x${hex(before)}`);
  const sequence = new Sequence(end);
  for (let at = before.length; at < whole.length; at++) {
    if (!sequence.endsWith(whole[at] as number)) continue;
    if (at === whole.length - 1) return whole;
    return new Failure("malformed", `0x${hex(end)} ends a frame, so it cannot be in one (byte ${at + 1 - end.length})`);
  }
  return new Failure("malformed", `the frame must end with 0x${hex(end)}`);
}
