import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, test } from "vitest";
import { PacketStream } from "../../src/codec/packet-stream.ts";
import { ProtocolError } from "../../src/errors.ts";

const ROUNDS = 40_000;

/** Packets with a property that is not allowed in them, and with a truncated one. */
const refused = [
  "30 08 00 01 61 04 21 00 05 78", // PUBLISH with a receive maximum
  "20 06 00 00 03 23 00 01", // CONNACK with a topic alias
  "40 07 00 01 00 03 26 00 09", // PUBACK with a truncated user property
  "e0 06 00 04 12 00 01 61", // DISCONNECT with an assigned client identifier
].map((hex) => Uint8Array.from(hex.split(" "), (byte) => Number.parseInt(byte, 16)));

function heapUsed(): number {
  setFlagsFromString("--expose-gc");
  runInNewContext("gc")();
  return process.memoryUsage().heapUsed;
}

function refuseAll(rounds: number): void {
  for (let i = 0; i < rounds; i++) {
    for (const bytes of refused) {
      expect(() => new PacketStream(5).push(bytes)).toThrow(ProtocolError);
    }
  }
}

test("packets that are refused for their properties do not leak memory", () => {
  refuseAll(100);
  const before = heapUsed();
  refuseAll(ROUNDS / refused.length);
  expect(heapUsed() - before).toBeLessThan(2 * 2 ** 20);
});
