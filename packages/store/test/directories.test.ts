// The directories that a store makes: parents too, and an error where none can be made.
import { mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DiskStore, Spool } from "@aiko/mqtt-store";
import { expect, test } from "vitest";

test("makes parents that do not exist, for the owner only", async () => {
  const base = await mkdtemp(join(tmpdir(), "directories-"));
  try {
    const spool = await Spool.open(join(base, "a", "b", "c"));
    await spool.close();
    expect((await stat(join(base, "a"))).mode & 0o777).toBe(0o700);
    const { session } = await new DiskStore(join(base, "a", "b")).open("s");
    await session.close();
  } finally {
    await rm(base, { recursive: true });
  }
});

test("rejects a directory that is a file, or that is below one", async () => {
  const base = await mkdtemp(join(tmpdir(), "directories-"));
  try {
    await writeFile(join(base, "file"), "");
    for (const path of ["file", "file/below"]) {
      await expect(Spool.open(join(base, path))).rejects.toMatchObject({ code: "STORE_FAILED" });
    }
  } finally {
    await rm(base, { recursive: true });
  }
});

test.runIf(process.platform === "linux")("rejects a directory that the system does not allow", async () => {
  // Node's recursive mkdir never ends here.
  await expect(Spool.open("/proc/aiko/spool")).rejects.toMatchObject({ code: "STORE_FAILED" });
  await expect(new DiskStore("/proc/aiko").open("s")).rejects.toMatchObject({ code: "STORE_FAILED" });
});
