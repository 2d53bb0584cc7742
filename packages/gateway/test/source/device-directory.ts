// A directory for the devices and sockets of a test.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";

/** Makes a directory for devices, which the test's end removes. */
export async function deviceDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "aiko-devices-"));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  return directory;
}
