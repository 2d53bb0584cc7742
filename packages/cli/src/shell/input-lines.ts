/** Standard input, and how a stream of bytes is split into lines. The last one need not end with a line feed. A line is at most one payload long. */

import { fstatSync } from "node:fs";
import { CommandError } from "../command.js";

/** The largest payload of a PUBLISH, without its topic. */
export const LARGEST_PAYLOAD = 268_435_455;
const LINE_FEED = 0x0a;

/** Yields the lines of each chunk together, without their ends. @throws CommandError if a line is too long */
export async function* linesOf(input: AsyncIterable<Uint8Array>): AsyncGenerator<readonly Uint8Array[], void, void> {
  let begun: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of input) {
    const lines: Uint8Array[] = [];
    let from = 0;
    for (let end = chunk.indexOf(LINE_FEED); end >= 0; end = chunk.indexOf(LINE_FEED, from)) {
      const rest = chunk.subarray(from, end);
      lines.push(begun.length === 0 ? rest : Buffer.concat([...begun, rest]));
      begun = [];
      length = 0;
      from = end + 1;
    }
    if (from < chunk.length) {
      begun.push(chunk.subarray(from));
      length += chunk.length - from;
      if (length > LARGEST_PAYLOAD) throw new CommandError(`a line has more than ${LARGEST_PAYLOAD} bytes`);
    }
    yield lines;
  }
  if (begun.length > 0) yield [Buffer.concat(begun)];
}

/** Returns all bytes. @throws CommandError if they are more than a payload can have */
export async function allOf(input: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of input) {
    chunks.push(chunk);
    length += chunk.length;
    if (length > LARGEST_PAYLOAD) throw new CommandError(`the input has more than ${LARGEST_PAYLOAD} bytes`);
  }
  return Buffer.concat(chunks);
}

/** Standard input. @throws CommandError if it cannot be read, as a directory */
export async function* standardInput(): AsyncGenerator<Uint8Array, void, void> {
  try {
    // Node has an empty stream for it.
    if (fstatSync(0).isDirectory()) throw new Error("is a directory");
    yield* process.stdin;
  } catch (error) {
    throw new CommandError(`standard input: ${(error as Error).message}`);
  }
}
