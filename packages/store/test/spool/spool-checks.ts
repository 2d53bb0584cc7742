// Checks of a spool after every test: no record appears without being added, and none disappears.
import type { SpooledRecord, SpoolStatistics } from "@aiko/mqtt-store";
import { expect } from "vitest";

/** Fails unless each source has in = out + spooled + dropped, and the spool has as many records as its sources. */
export function expectBalanced({ statistics }: { readonly statistics: SpoolStatistics }): void {
  let records = 0;
  for (const [id, { in: came, out, spooled, dropped }] of Object.entries(statistics.sources)) {
    const inAll = Object.values(dropped).reduce((sum, count) => sum + count, 0);
    if (came !== out + spooled + inAll || spooled < 0) {
      expect.fail(`${id}: in ${came}, out ${out}, spooled ${spooled}, dropped ${JSON.stringify(dropped)}`);
    }
    records += spooled;
  }
  expect(statistics.records).toBe(records);
}

/** Reads until there is nothing left to read. */
export async function readAll(spool: { read(limit: number): Promise<SpooledRecord[]> }): Promise<SpooledRecord[]> {
  const all: SpooledRecord[] = [];
  for (let records = await spool.read(100); records.length > 0; records = await spool.read(100)) all.push(...records);
  return all;
}
