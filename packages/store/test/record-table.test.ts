// The table of positions must contain what a Map would contain.
import { SeededRandom } from "@aiko/mqtt/testing";
import { expect, test } from "vitest";
import { RecordTable } from "../src/record-table.js";

const LARGEST_KEY = 2 ** 53 - 1;

/** Keys that follow each other, that differ in their high bits only, and that are at the ends of the range. */
function keyFrom(random: SeededRandom, range: number): number {
  const small = random.integer(range);
  switch (random.integer(4)) {
    case 0:
      return small * 2 ** 32 + 5;
    case 1:
      return LARGEST_KEY - small;
    case 2:
      return 2 ** 52 + small;
    default:
      return small;
  }
}

function contentOf(table: RecordTable, keys: Iterable<number>): unknown[] {
  return [...keys].map((key) => [key, table.get(key), table.positionOf(key), table.lengthOf(key)]);
}

test.each([5, 60, 1_000])("has what a Map would have, after any changes (%i keys)", (range) => {
  for (let seed = 1; seed <= 20; seed++) {
    const random = new SeededRandom(seed);
    const table = new RecordTable();
    const map = new Map<number, { position: number; length: number; checksum: number }>();
    const used = new Set<number>();
    for (let step = 0; step < 20 * range; step++) {
      const key = keyFrom(random, range);
      used.add(key);
      const isGrowing = Math.floor(step / (3 * range)) % 2 === 0;
      if (random.next() < (isGrowing ? 0.8 : 0.2)) {
        const place = { position: random.integer(2 ** 31) * 1024, length: step, checksum: 2 ** 32 - 1 - step };
        map.set(key, place);
        table.set(key, place.position, place.length, place.checksum);
      } else {
        map.delete(key);
        table.delete(key);
      }
    }
    expect(table.size).toBe(map.size);
    const expected = [...used].map((key) => {
      const place = map.get(key);
      return [key, place, place?.position ?? -1, place?.length ?? -1];
    });
    expect(contentOf(table, used)).toEqual(expected);
  }
});

test("gives every record its new position", () => {
  const table = new RecordTable();
  for (let key = 0; key < 100; key++) table.set(key, key, 1, key);
  table.relocate((key, position) => key * 1_000 + position);
  for (let key = 0; key < 100; key++)
    expect(table.get(key)).toEqual({ position: key * 1_001, length: 1, checksum: key });
});
