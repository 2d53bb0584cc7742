// The memory that a message uses on its way through the client: without garbage collection, the result hardly depends
// on the machine. Measures the build that `npm test` has just made.
import { expect, test } from "vitest";
import { Child, run } from "../fixtures/child.ts";

/** The tolerance for compilers of other versions, and for a machine that is busy with other tests. */
const TOLERANCE = 1.4;

// Bytes of the heap, including the promise, and of array buffers, which are the packet and 4 for each acknowledgement.
// Receiving also counts the chunk of the socket.
test.each([
  ["publish", 0, { heap: 160, buffers: 79 }],
  ["publish", 1, { heap: 940, buffers: 85 }],
  ["publish", 2, { heap: 1_070, buffers: 93 }],
  ["receive", 0, { heap: 620, buffers: 79 }],
  ["receive", 1, { heap: 880, buffers: 85 }],
  ["receive", 2, { heap: 1_180, buffers: 93 }],
] as const)("a message uses no more memory than before: %s at QoS %i", async (direction, qos, expected) => {
  const program = "test/counts/programs/heap.js";
  const nodeOptions = ["--expose-gc", "--min-semi-space-size=64", "--max-semi-space-size=64"];
  const args = [...nodeOptions, program, direction, String(qos)];
  const { code, lines, notes } = await run(new Child("heap.js", process.execPath, args));
  expect({ code, notes }).toEqual({ code: 0, notes: [] });
  const { heap, buffers } = JSON.parse(lines.at(-1) ?? "{}");
  expect(heap).toBeGreaterThan(0);
  expect(heap).toBeLessThanOrEqual(expected.heap * TOLERANCE);
  expect(buffers).toBeGreaterThan(0);
  expect(buffers).toBeLessThanOrEqual(expected.buffers * TOLERANCE);
});
