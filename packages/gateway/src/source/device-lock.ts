/** Keeps the gateways of one user from opening a device twice. Another program cannot be kept off: Node has no lock for devices. */

import { createHash } from "node:crypto";
import { lstat, mkdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { lock } from "@aiko/mqtt-store";

/**
 * Resolves to the function that gives the device free. The kernel does so when the process dies.
 *
 * @param path the device's real path
 * @throws Error if the device is in use
 */
export async function lockDevice(path: string): Promise<() => Promise<void>> {
  const user = process.geteuid?.();
  const directory = join(tmpdir(), `aiko-devices${user === undefined ? "" : `-${user}`}`);
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const { uid } = await lstat(directory);
  if (user !== undefined && uid !== user) throw new Error(`${directory} belongs to another user; remove it`);
  const release = await lock(directory, createHash("sha256").update(path).digest("hex").slice(0, 16));
  if (release === undefined) throw new Error(`${path} is in use by another source or gateway`);
  return release;
}
