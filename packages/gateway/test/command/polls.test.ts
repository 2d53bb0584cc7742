// What polls send.
import { expect, test } from "vitest";
import { pipelineOf } from "../settings.ts";

test("a poll sends text in the encoding of the source", () => {
  const answer = { match: undefined, refused: undefined, encoding: "latin1", timeout: 1_000, retries: 0 } as const;
  const question = { kind: "text", text: "µ?" } as const;
  const poll = { every: 1_000, jitter: 0, question, framed: true, answer, decode: undefined, topic: undefined };
  const [latin1] = pipelineOf({ encoding: "latin1", polls: [poll] }).polls;
  expect(latin1?.bytes).toEqual(Uint8Array.of(0xb5, 0x3f, 0x0a));
  const [utf8] = pipelineOf({ encoding: "utf8", polls: [poll] }).polls;
  expect(utf8?.bytes).toEqual(Uint8Array.of(0xc2, 0xb5, 0x3f, 0x0a));
});
