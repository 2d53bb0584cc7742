// Writes numbered batches for ever and reports which were acknowledged: batch n puts n and removes n - 20. Arguments:
// directory.
import { DiskStore } from "@aiko/mqtt-store";

const [, , directory = ""] = process.argv;
const store = new DiskStore(directory, { toleratedWaste: 20_000 });
const { records, session } = await store.open("s");
let next = 1 + Math.max(0, ...records.map(({ key }) => key));

async function write(): Promise<void> {
  for (;;) {
    const n = next++;
    const value = new Uint8Array(n % 700).fill(n);
    await session.write([
      { key: n, value },
      { key: Math.max(0, n - 20), value: undefined },
    ]);
    process.stdout.write(`${n}\n`);
  }
}
process.stdout.write("open\n");
await Promise.all([write(), write(), write()]);
