/** Chooses the framer of a source, and has it verify its check. */

import type { CheckSettings, FrameSettings } from "../configuration/frame-settings.js";
import { type Check, createCheck } from "./check.js";
import { DatagramFramer } from "./datagram.js";
import { DelimiterFramer } from "./delimiter.js";
import type { BrokenReason, Framer, FramerSettings, FrameSink, Range } from "./framer.js";
import { GapFramer } from "./gap.js";
import { createLengthFramer } from "./length.js";
import { LineFramer } from "./line.js";
import { createModbusRtuFramer } from "./modbus-rtu.js";
import { ParenFramer } from "./paren.js";
import { createStuffedFramer } from "./stuffed.js";

export interface WireSettings extends FramerSettings {
  readonly frame: FrameSettings;
  readonly check: CheckSettings;
  /** Whether a frame counts whose beginning or end may be missing, because the connection began or ended in it. */
  readonly first: "drop" | "keep";
}

/** Frames reach the sink without their check. */
export function createFramer(settings: WireSettings, sink: FrameSink): Framer {
  const { frame } = settings;
  const check = createCheck(settings.check);
  // The check of these says where a frame is.
  if (frame.kind === "length") return createLengthFramer(frame, check, settings, sink);
  const checked = check === undefined ? sink : new CheckedSink(check, sink);
  switch (frame.kind) {
    case "line":
      return new LineFramer(settings, settings.first === "keep", checked);
    case "datagram":
      return new DatagramFramer(settings, checked);
    case "delimiter":
      return new DelimiterFramer(settings, frame, checked);
    case "cobs":
    case "slip":
      return createStuffedFramer(frame.kind, settings, checked);
    case "paren":
      return new ParenFramer(settings, checked);
    case "gap":
      return new GapFramer(settings, frame.gap, checked);
    case "modbus-rtu":
      return createModbusRtuFramer(settings, checked);
  }
}

/** Whether the first frame of a connection may lack its beginning without showing it. */
export function mayLackBeginning(frame: FrameSettings): boolean {
  switch (frame.kind) {
    case "line":
    case "cobs":
    case "slip":
    case "gap":
      return true;
    case "delimiter":
      return frame.start === undefined;
    case "length":
      return frame.magic === undefined;
    case "datagram":
    case "paren":
    case "modbus-rtu":
      return false;
  }
}

class CheckedSink implements FrameSink {
  constructor(
    private readonly check: Check,
    private readonly sink: FrameSink,
  ) {}

  frame(bytes: Uint8Array, start: number, end: number, range: Range): void {
    const problem = this.check.problem(bytes, start, end);
    if (problem !== undefined) {
      this.sink.broken("checksum", problem, bytes.subarray(start, end), range);
      return;
    }
    const frame = this.check.without(bytes, start, end);
    this.sink.frame(frame, 0, frame.length, range);
  }

  broken(reason: BrokenReason, detail: string, bytes: Uint8Array | undefined, range: Range): void {
    this.sink.broken(reason, detail, bytes, range);
  }
}
