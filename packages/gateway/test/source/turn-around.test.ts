// When a line with one direction at a time is written to.
import { FakeClock } from "@aiko/mqtt/testing";
import { expect, test } from "vitest";
import { TurnAround } from "../../src/source/turn-around.ts";
import { bytesOf, textOf } from "../settings.ts";

function opened() {
  const clock = new FakeClock();
  const written: string[] = [];
  const turn = new TurnAround(5, clock, (bytes) => written.push(textOf(bytes) ?? ""));
  return { clock, written, turn };
}

test("a line that is silent is written to at once", () => {
  const { written, turn } = opened();
  turn.write(bytesOf("a"));
  expect(written).toEqual(["a"]);
});

test("after the device has sent, the line rests, and each byte that comes begins the rest anew", async () => {
  const { clock, written, turn } = opened();
  turn.received();
  turn.write(bytesOf("a"));
  await clock.advance(4);
  turn.received();
  turn.write(bytesOf("b"));
  await clock.advance(4);
  expect(written).toEqual([]);
  expect(turn.length).toBe(2);
  await clock.advance(1);
  expect(written).toEqual(["a", "b"]);
  expect(turn.length).toBe(0);
});

test("what waits keeps its order", async () => {
  const { clock, written, turn } = opened();
  turn.received();
  turn.write(bytesOf("a"));
  await clock.advance(5);
  turn.write(bytesOf("b"));
  expect(written).toEqual(["a", "b"]);
});

test("a line that is closed is not written to", async () => {
  const { clock, written, turn } = opened();
  turn.received();
  turn.write(bytesOf("a"));
  turn.close();
  await clock.advance(100);
  expect(written).toEqual([]);
});

test("a request that is sent again while it waits is written once", async () => {
  const { clock, written, turn } = opened();
  const request = bytesOf("request");
  turn.received();
  turn.write(request);
  turn.write(bytesOf("ok"));
  turn.write(bytesOf("ok"));
  turn.write(request);
  expect(turn.length).toBe(11);
  await clock.advance(5);
  expect(written).toEqual(["ok", "ok", "request"]);
});

test("what has waited for more than a second on a line that is never silent is dropped", async () => {
  const { clock, written, turn } = opened();
  turn.received();
  turn.write(bytesOf("old"));
  for (let i = 0; i < 250; i++) {
    await clock.advance(4);
    turn.received();
  }
  turn.write(bytesOf("new"));
  await clock.advance(4);
  turn.received();
  await clock.advance(1);
  expect(turn.length).toBe(3);
  await clock.advance(4);
  expect(written).toEqual(["new"]);
  expect(turn.length).toBe(0);
});
