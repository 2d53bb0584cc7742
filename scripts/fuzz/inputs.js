// @ts-check
// Inputs: the first byte selects a target of its group, the rest is its food. Has the initial inputs for packets, and
// the mutations.
import { readFileSync } from "node:fs";

/** @typedef {import("@aiko/mqtt/testing").SeededRandom} SeededRandom */

/** Bytes. */
const LONGEST = 5_000;
/** The positions of targets among those of packets. */
const DECODERS = /** @type {const} */ ({ 3.1: 0, "3.1.1": 1, "5.0": 2 });
const ANY_DECODER = 3;
const [TOPICS, CLIENT, SERVER] = [4, 5, 6];

/**
 * The wire vectors as food for decoders and sessions, and random bytes for everything else.
 *
 * @param {SeededRandom} random
 */
export function packetSeeds(random) {
  const vectors = JSON.parse(readFileSync(new URL("../../test/conformance/vectors.json", import.meta.url), "utf8"));
  /** @type {Uint8Array[]} */
  const inputs = [];
  for (const { hex, version } of [...vectors.valid, ...vectors.malformed]) {
    const bytes = Buffer.from(hex, "hex");
    const decoder = DECODERS[/** @type {keyof typeof DECODERS} */ (version)];
    inputs.push(Uint8Array.from([decoder, 0, ...bytes]), Uint8Array.from([ANY_DECODER, 0, ...bytes]));
    const session = [decoder, 1, Math.min(255, bytes.length), ...bytes.subarray(0, 255)];
    inputs.push(Uint8Array.from([CLIENT, ...session]), Uint8Array.from([SERVER, ...session]));
  }
  for (let i = 0; i < 20; i++) {
    inputs.push(Uint8Array.from({ length: 60 }, (_, at) => (at === 0 ? TOPICS + (i % 3) : random.integer(256))));
  }
  return inputs;
}
const INTERESTING = [
  0, 1, 2, 0x7f, 0x80, 0xff, 0x10, 0x20, 0x30, 0x32, 0x34, 0x40, 0x50, 0x62, 0x70, 0x82, 0x90, 0xe0, 0xf0,
];

/**
 * An input that is slightly different, and sometimes for another target.
 *
 * @param {Uint8Array} input
 * @param {readonly Uint8Array[]} corpus for crossing it with other inputs
 * @param {SeededRandom} random
 * @param {number} targets the number of targets
 */
export function mutate(input, corpus, random, targets) {
  const below = (/** @type {number} */ n) => random.integer(n);
  let bytes = [...input];
  for (let rounds = 1 + below(6); rounds > 0; rounds--) {
    const at = below(bytes.length + 1);
    switch (below(8)) {
      case 0:
        bytes[at] = (bytes[at] ?? 0) ^ (1 << below(8));
        break;
      case 1:
        bytes[at] = INTERESTING[below(INTERESTING.length)] ?? 0;
        break;
      case 2:
        bytes.splice(at, 0, below(256));
        break;
      case 3:
        bytes.splice(at, 1 + below(4));
        break;
      case 4:
        bytes.splice(at, 0, ...bytes.slice(at, at + 1 + below(20)));
        break;
      case 5: {
        const other = corpus[below(corpus.length)] ?? input;
        bytes = [...bytes.slice(0, at), ...other.slice(below(other.length))];
        break;
      }
      case 6:
        bytes[at] = ((bytes[at] ?? 0) + below(3) - 1) & 255;
        break;
      default:
        bytes[0] = below(targets);
    }
  }
  return Uint8Array.from(bytes.slice(0, LONGEST));
}
