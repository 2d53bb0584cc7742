// What polls send.
import { expect, test } from "vitest";
import { Requests } from "../../src/command/requests.ts";
import { bytesOf, csv, field, peer, pipelineOf, seen } from "../settings.ts";

test("a poll with a format of its own finds its answer by the fields of that format", () => {
  const match = { state: "ok" };
  const answer = { match, refused: undefined, encoding: "utf8", timeout: 1_000, retries: 0 } as const;
  const question = { kind: "text", text: "?" } as const;
  const decode = csv(field("state"), field("n"));
  const poll = { every: 1_000, jitter: 0, question, framed: true, answer, decode, topic: undefined };
  const pipeline = pipelineOf({ polls: [poll] });
  const requests = new Requests(pipeline.polls, 0, 0, () => 0.5, 0);
  requests.next(0);
  requests.wrote(true);
  const outcomes = pipeline.open(peer, requests).push(bytesOf("no;1\nok\nok;1\n"), 1);
  expect(outcomes.map(seen)).toEqual([
    "unsolicited: the frame answers no poll",
    "unsolicited: the frame answers no poll",
    'attic/meter {"state":"ok","n":"1"}',
  ]);
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
