// The kinds of clock that the library runs on, for suites that run on each of them and for runs that select one at
// random.
import { CLOCK_KINDS, type ClockKind } from "@aiko/mqtt/testing";
import fc from "fast-check";

/** With their names, for `describe.each`. */
export const clockKinds = Object.entries<ClockKind>(CLOCK_KINDS);

const kinds = Object.values<ClockKind>(CLOCK_KINDS);

export const someClockKind: fc.Arbitrary<ClockKind> = fc.constantFrom(...kinds);

export function clockKindOf(seed: number): ClockKind {
  return kinds[seed % kinds.length] as ClockKind;
}
