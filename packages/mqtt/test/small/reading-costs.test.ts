// The cost of reading for the small client, in memory and in time.
import { encode } from "@aiko/mqtt/codec";
import { describe, expect, test } from "vitest";
import { growth } from "../../../../test/fixtures/effort.ts";
import { copiedBytes } from "../codec/copied-bytes.ts";
import { byteByByte } from "../codec/decoding.ts";
import { fromHex } from "../codec/vectors.ts";
import { message } from "./bench.ts";
import { readChunks, readerFor, readFault } from "./reading.ts";

/** A PUBLISH with this many bytes of payload, and this many user properties. */
function publish(payload: number, userProperties = 0): Uint8Array {
  const properties = { userProperties: Array.from({ length: userProperties }, () => ["n", "v"] as const) };
  return encode({ ...message("t", ""), payload: new Uint8Array(payload), properties }, 5);
}

describe("memory", () => {
  test("is not allocated because of a length alone", () => {
    const reader = readerFor(5, undefined);
    const before = process.memoryUsage().arrayBuffers;
    for (const hex of ["30 ff ff ff 7f 00 01 61 00", "00 00 00 00 00 00"]) {
      reader.append(fromHex(hex));
      expect(reader.next()).toBeUndefined();
    }
    for (let i = 0; i < 1024; i += 64) {
      reader.append(new Uint8Array(64));
      expect(reader.next()).toBeUndefined();
    }
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1024 * 1024);
  });

  test("is not allocated because of a string's or a list's length alone", () => {
    const before = process.memoryUsage().arrayBuffers;
    for (const hex of ["30 05 ffff 61 61 61", "30 08 0001 61 ff ff ff 7f 00", "20 06 00 00 ff ff ff 7f"])
      readFault(5, [fromHex(hex)]);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1024 * 1024);
  });

  test("of a packet is released with the next bytes", () => {
    const reader = readerFor(5, undefined);
    const bytes = publish(1_000_000);
    const pingresp = fromHex("d000");
    const copied = copiedBytes(() => {
      for (const chunk of [bytes.subarray(0, 500_000), bytes.subarray(500_000), pingresp, pingresp]) {
        reader.append(chunk);
        while (reader.next() !== undefined);
      }
    });
    // First the half for which both have room, then the second half.
    expect(copied).toBe(bytes.length);
  });
});

describe("time grows linearly with the received bytes", () => {
  test("for a packet that arrives byte by byte", () => {
    const work = (size: number): number => {
      const bytes = publish(size);
      let packets = 0;
      const copied = copiedBytes(() => {
        packets += readChunks(5, byteByByte(bytes)).length;
      });
      expect(packets).toBe(1);
      return copied;
    };
    const quarter = work(256 * 1024);
    const whole = work(1024 * 1024);
    expect(whole / quarter).toBeLessThan(8);
    expect(whole).toBeLessThan(4 * 1024 * 1024);
  });

  test("for many small packets in one chunk, and in chunks that split each", () => {
    const one = publish(10);
    const count = 20_000;
    const all = new Uint8Array(one.length * count);
    for (let i = 0; i < count; i++) all.set(one, i * one.length);
    const pieces = (size: number) =>
      Array.from({ length: Math.ceil(all.length / size) }, (_, i) => all.subarray(i * size, (i + 1) * size));
    for (const size of [all.length, 1_001, one.length - 1, one.length + 1]) {
      let packets = 0;
      const copied = copiedBytes(() => {
        packets = readChunks(5, pieces(size)).length;
      });
      expect(packets).toBe(count);
      expect(copied).toBeLessThan(4 * all.length);
    }
  });

  // 8 times the bytes; 64 times the time would be quadratic.
  test.each([
    ["a packet that arrives byte by byte", (size: number) => [...byteByByte(publish(size))]],
    ["user properties", (size: number) => [publish(0, size / 32)]],
    [
      "subscription identifiers",
      (size: number) => {
        const properties = { subscriptionIdentifiers: Array.from({ length: size / 32 }, () => 1) };
        return [encode({ ...message("t", ""), properties }, 5)];
      },
    ],
    [
      "reason codes",
      (size: number) => [
        encode({ type: "suback", packetIdentifier: 1, reasonCodes: Array.from({ length: size / 32 }, () => 0) }, 5),
      ],
    ],
  ])("for %s", async (_, make) => {
    const small = make(131_072 - (131_072 % 14));
    const large = make(1_048_576 - (1_048_576 % 14));
    expect(readChunks(5, large)).toHaveLength(1);
    const reading = (chunks: Uint8Array[]) => () => readChunks(5, chunks);
    expect(await growth(reading(small), reading(large), 32)).toBeLessThan(32);
  });
});

test("a quarter of a megabyte of user properties is read completely", () => {
  const [packet] = readChunks(5, [publish(3, 37_449)]);
  if (packet?.type !== "publish") throw new Error(`expected a publish, got ${packet?.type}`);
  expect(packet.properties?.userProperties).toHaveLength(37_449);
  expect(packet.properties?.userProperties?.at(-1)).toEqual(["n", "v"]);
  expect(packet.payload).toEqual(new Uint8Array(3));
});
