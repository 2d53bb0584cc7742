import { expect, test } from "vitest";
import { DatagramFramer } from "../../src/frame/datagram.ts";
import { Frames } from "./frames.ts";

function open(maxFrame = 8) {
  const frames = new Frames();
  return { frames, framer: new DatagramFramer({ maxFrame, frameTimeout: 1000 }, frames) };
}

test("all pieces until the end are one frame", () => {
  const { frames, framer } = open();
  for (const piece of ["a\n", "", "bc"]) framer.push(Buffer.from(piece), 0);
  framer.end();
  framer.push(Buffer.from("next"), 0);
  framer.end();
  expect(frames.found).toEqual([
    { what: "a\nbc", range: { from: 0, to: 4 } },
    { what: "next", range: { from: 4, to: 8 } },
  ]);
});

test("a datagram without bytes is a frame", () => {
  const { frames, framer } = open();
  framer.end();
  expect(frames.found).toEqual([{ what: "", range: { from: 0, to: 0 } }]);
});

test("a datagram that is too long is reported once, at its first byte too many", () => {
  const { frames, framer } = open();
  for (let i = 0; i < 10; i++) framer.push(Buffer.from("abc"), 0);
  framer.end();
  framer.push(Buffer.from("ok"), 0);
  framer.end();
  expect(frames.found).toEqual([
    { what: "(too-long)", range: { from: 0, to: 9 } },
    { what: "ok", range: { from: 30, to: 32 } },
  ]);
});

test("a datagram that has begun too long ago is dropped with all that belongs to it", () => {
  const { frames, framer } = open();
  framer.push(Buffer.from("ab"), 5);
  expect(framer.deadline()).toBe(1005);
  framer.advance(1005);
  framer.push(Buffer.from("cd"), 1006);
  framer.end();
  expect(frames.found).toEqual([{ what: "(incomplete)", range: { from: 0, to: 2 } }]);
});
