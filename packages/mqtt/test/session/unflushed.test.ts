import { expect, test } from "vitest";
import { Unflushed } from "../../src/session/outgoing/unflushed.ts";
import { KeptMessage } from "./sessions.ts";

const named = (topic: string) => new KeptMessage(topic, 0);
const topics = (messages: readonly { readonly topic: string }[]) => messages.map(({ topic }) => topic);

test("messages of earlier writes come out in order, and later ones stay", () => {
  const unflushed = new Unflushed();
  unflushed.add(named("a"), 0);
  unflushed.add(named("b"), 0);
  unflushed.add(named("c"), 1);
  expect(topics(unflushed.takeBefore(1))).toEqual(["a", "b"]);
  expect(unflushed.length).toBe(1);
  expect(topics(unflushed.takeBefore(1))).toEqual([]);
  expect(topics(unflushed.takeBefore(2))).toEqual(["c"]);
  expect(unflushed.length).toBe(0);
});

test("several writes that were not reported yet come out together", () => {
  const unflushed = new Unflushed();
  for (const [topic, take] of [
    ["a", 0],
    ["b", 1],
    ["c", 2],
  ] as const)
    unflushed.add(named(topic), take);
  expect(topics(unflushed.takeBefore(3))).toEqual(["a", "b", "c"]);
});

test("one entry stands for all messages that join it, and only for those of its write", () => {
  const unflushed = new Unflushed();
  const first = unflushed.join(0, "a", named);
  expect(unflushed.join(0, "b", named)).toBe(first);
  unflushed.add(named("c"), 0);
  const second = unflushed.join(1, "d", named);
  expect(second).not.toBe(first);
  expect([first.count, second.count, unflushed.length]).toEqual([2, 1, 4]);
  expect(topics(unflushed.takeBefore(1))).toEqual(["a", "c"]);
  expect(unflushed.length).toBe(1);
});

test("after another message of a later write, a message cannot join an earlier entry", () => {
  const unflushed = new Unflushed();
  const first = unflushed.join(0, "a", named);
  unflushed.add(named("b"), 1);
  expect(unflushed.join(1, "c", named)).not.toBe(first);
});

test("the next connection starts counting its writes again", () => {
  const unflushed = new Unflushed();
  unflushed.add(named("a"), 3);
  expect(topics(unflushed.drain(4))).toEqual(["a"]);
  unflushed.add(named("b"), 0);
  expect(topics(unflushed.takeBefore(0))).toEqual([]);
  expect(topics(unflushed.takeBefore(1))).toEqual(["b"]);
});
