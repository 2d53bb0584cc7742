// The pace at which the clients of a transparent gateway connect to the server.
import { FakeClock } from "@aiko/mqtt/testing";
import { expect, test } from "vitest";
import { DialPace } from "../../../src/sn/uplink/dial-pace.ts";

test("200 connections are opened at once, and then 50 a second, in order", async () => {
  const clock = new FakeClock();
  const pace = new DialPace(clock);
  const opened: number[] = [];
  for (let n = 0; n < 300; n++) void pace.turn().then(() => opened.push(n));
  await clock.tick();
  expect(opened).toHaveLength(200);
  await clock.advance(1_000);
  expect(opened).toHaveLength(250);
  await clock.advance(1_000);
  expect(opened).toEqual(Array.from({ length: 300 }, (_, n) => n));
});
