/** Reads the values of chosen records. Values that are near each other are read together. */

import { crc32 } from "./crc32.js";
import type { OpenFile } from "./file-system.js";
import type { RecordIndex } from "./record-index.js";
import type { Place } from "./record-table.js";

/** A value, and its number among those that are asked for. */
interface Wanted extends Place {
  readonly order: number;
}

/** The most bytes between two values that are read together, and of all that is read together. */
const LARGEST_GAP = 4_096;
const LARGEST_READ = 2 ** 20;

/** Resolves to the values; undefined for one that does not exist, or whose bytes have changed since they were written. */
export async function readValues(
  file: OpenFile,
  index: RecordIndex,
  keys: readonly number[],
): Promise<(Uint8Array | undefined)[]> {
  const values = new Array<Uint8Array | undefined>(keys.length).fill(undefined);
  const wanted: Wanted[] = [];
  for (const [order, key] of keys.entries()) {
    const place = index.placeOf(key);
    if (place !== undefined) wanted.push({ ...place, order });
  }
  wanted.sort((a, b) => a.position - b.position);
  for (const group of near(wanted)) {
    const start = (group[0] as Wanted).position;
    const bytes = Buffer.allocUnsafe(endOf(group.at(-1) as Wanted) - start);
    const read = await file.read(bytes, start);
    for (const each of group) {
      if (endOf(each) - start > read) continue;
      const value = bytes.subarray(each.position - start, endOf(each) - start);
      if (crc32(value) === each.checksum) values[each.order] = new Uint8Array(value);
    }
  }
  return values;
}

/** Groups values that are near each other. */
function* near(wanted: readonly Wanted[]): Iterable<readonly Wanted[]> {
  let group: Wanted[] = [];
  let start = 0;
  let end = 0;
  for (const each of wanted) {
    if (group.length > 0 && (each.position - end > LARGEST_GAP || endOf(each) - start > LARGEST_READ)) {
      yield group;
      group = [];
    }
    if (group.length === 0) start = each.position;
    end = Math.max(end, endOf(each));
    group.push(each);
  }
  if (group.length > 0) yield group;
}

function endOf({ position, length }: Place): number {
  return position + length;
}
