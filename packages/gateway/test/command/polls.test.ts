// What polls send.
import { expect, test } from "vitest";
import { bytesOf, csv, field, pipelineOf } from "../settings.ts";

test("a poll with a format of its own finds its answer by the fields of that format", () => {
  const match = { state: "ok" };
  const answer = { match, refused: undefined, encoding: "utf8", timeout: 1_000, retries: 0 } as const;
  const question = { kind: "text", text: "?" } as const;
  const decode = csv(field("state"), field("n"));
  const poll = { every: 1_000, jitter: 0, question, framed: true, answer, decode, topic: undefined };
  const [made] = pipelineOf({ polls: [poll] }).polls;
  const matches = ["ok;1", "no;1", "ok"].map((text) => made?.answer.matches(bytesOf(text), new Map()));
  expect(matches).toEqual(["answer", undefined, undefined]);
});

test("a poll sends text in the encoding of the source", () => {
  const answer = { match: undefined, refused: undefined, encoding: "latin1", timeout: 1_000, retries: 0 } as const;
  const question = { kind: "text", text: "µ?" } as const;
  const poll = { every: 1_000, jitter: 0, question, framed: true, answer, decode: undefined, topic: undefined };
  const [latin1] = pipelineOf({ encoding: "latin1", polls: [poll] }).polls;
  expect(latin1?.bytes).toEqual(Uint8Array.of(0xb5, 0x3f, 0x0a));
  const [utf8] = pipelineOf({ encoding: "utf8", polls: [poll] }).polls;
  expect(utf8?.bytes).toEqual(Uint8Array.of(0xc2, 0xb5, 0x3f, 0x0a));
});
