// @ts-check
// Datagrams and streams of MQTT-SN.
import { Food } from "./food.js";

// The package's entry does not have the codec.
const built = new URL("../../packages/gateway/dist/sn/codec/", import.meta.url);
/** @type {typeof import("../../packages/gateway/src/sn/codec/frame.ts")} */
const { decodeFrame, encodeFrame } = await import(new URL("frame.js", built).href);
/** @type {typeof import("../../packages/gateway/src/sn/codec/frame-splitter.ts")} */
const { FrameSplitter } = await import(new URL("frame-splitter.js", built).href);

/**
 * Nothing throws; what is a message stays the same when it is encoded and decoded; the same bytes whole and in pieces
 * give the same messages, each of which decodes.
 *
 * @type {import("./targets.js").Target}
 */
export function sn(bytes) {
  const food = new Food(bytes);
  const piece = 1 + (food.byte() % 16);
  const maxFrame = 16 + food.byte();
  const input = food.rest();
  assertSame(input);
  const whole = split(input, Math.max(1, input.length), maxFrame);
  if (JSON.stringify(whole) !== JSON.stringify(split(input, piece, maxFrame))) {
    throw new Error("the bytes in pieces give other messages");
  }
}

/** @param {Uint8Array} bytes */
function assertSame(bytes) {
  const decoded = decodeFrame(bytes);
  if (decoded.packet === undefined) {
    if (decoded.malformed === "") throw new Error("no reason");
    return;
  }
  const again = decodeFrame(encodeFrame(decoded.packet, decoded.encapsulation));
  if (JSON.stringify(again) !== JSON.stringify(decoded)) throw new Error("the message changes when it is encoded");
}

/** @param {Uint8Array} input @param {number} size @param {number} maxFrame */
function split(input, size, maxFrame) {
  /** @type {string[]} */
  const found = [];
  const splitter = new FrameSplitter(
    { maxFrame, gap: 50 },
    {
      frame(bytes, start, end, { from, to }) {
        if (decodeFrame(bytes.subarray(start, end)).malformed !== undefined) throw new Error("a malformed message");
        found.push(`frame ${from}-${to}`);
      },
      broken: (reason, detail, _, { from, to }) => void found.push(`${reason} ${detail} ${from}-${to}`),
    },
  );
  for (let at = 0; at < input.length; at += size) splitter.push(input.slice(at, at + size), 0);
  splitter.end();
  return found;
}

/** @param {import("./inputs.js").SeededRandom} random */
export function snSeeds(random) {
  const inputs = [
    "0500070384 030102 0302070503",
    "08040c01003c6e31 030503 0206 0507307774 0208 0609676f6e65",
    "090a00000001612f62 070b0002000100 090c200002123468690cd1",
    "070d616200070204 040e0007 040f0007 04100007",
    "0812200005612f23 0712c100050009 08134000000005 00 0614000006610415 0006",
    "0216 0416 6e31 0217 0218 04180e10 041a4077 031b00 031c67 031d01",
    "05fe010a0b02 17 04fe000104fe000202 17 010006fe0001 010006160061",
  ].map((hex) => Buffer.from(hex.replaceAll(" ", ""), "hex"));
  return inputs.flatMap((input) =>
    Array.from({ length: 5 }, () => Uint8Array.from([0, random.integer(256), random.integer(256), ...input])),
  );
}
