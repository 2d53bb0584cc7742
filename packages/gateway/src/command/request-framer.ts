/** What is sent to a device becomes a frame like those that it sends. */

import type { PipelineSettings } from "../configuration/configuration.js";
import { Failure } from "../failure.js";
import { type FrameEncoder, frameEncoder } from "../frame/frame-encoder.js";

const LF = 0x0a;
const CR = 0x0d;

/** @param isFramed whether it becomes a frame; otherwise it stays as it is */
export function requestFramer(source: Pick<PipelineSettings, "frame" | "check">, isFramed: boolean): FrameEncoder {
  if (!isFramed) return (body) => body;
  const encode = frameEncoder(source);
  if (source.frame.kind !== "line" || source.check.kind !== "none") return encode;
  return (body) => {
    const end = endOf(body);
    if (end === body.length) return encode(body);
    // The configuration has written the end of the line.
    const line = encode(body.subarray(0, end));
    return line instanceof Failure ? line : body;
  };
}

/** Where the end of a line begins that is at the end of the bytes. */
function endOf(body: Uint8Array): number {
  const { length } = body;
  const last = body[length - 1];
  if (last === CR) return length - 1;
  if (last !== LF) return length;
  return body[length - 2] === CR ? length - 2 : length - 1;
}
