// How a serial line is set by the program stty: here one of the test, which cannot do it.
import { chmod, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, onTestFinished, test, vi } from "vitest";
import { openTty } from "../../src/source/serial-tty.ts";
import { configurationOf } from "../gateway-bench.ts";
import { deviceDirectory } from "./device-directory.ts";

const [settings] = configurationOf({
  sources: '[[source]]\nid = "line"\nkind = "serial"\ndevice = "/dev/null"\nbaud = 9600\ndecode = "raw"\ntopic = "t"',
}).sources;
if (settings?.kind !== "serial") throw new Error("the source is no serial line");
const serial = settings;

/** Resolves to the directory of a program stty that runs this script. */
async function withStty(script: string): Promise<string> {
  const directory = await deviceDirectory();
  const file = join(directory, "stty");
  await writeFile(file, `#!/bin/sh\ncd "${directory}"\n${script}\n`);
  await chmod(file, 0o755);
  vi.stubEnv("PATH", `${directory}:${process.env["PATH"]}`);
  onTestFinished(() => void vi.unstubAllEnvs());
  return directory;
}

test("an stty that hangs is killed when the source is stopped", async () => {
  const directory = await withStty("echo $$ >pid; exec sleep 60");
  const stop = new AbortController();
  const opened = openTty("/dev/null", serial, stop.signal);
  const failed = expect(opened).rejects.toThrow("aborted");
  const pid = (): Promise<string> => readFile(join(directory, "pid"), "utf8").catch(() => "");
  await expect.poll(pid).not.toBe("");
  stop.abort();
  await failed;
  const stty = Number(await pid());
  const isGone = (): boolean => {
    try {
      process.kill(stty, 0);
      return false;
    } catch {
      return true;
    }
  };
  await expect.poll(isGone).toBe(true);
});

test("what is still to be sent is not waited for, if stty has that option", async () => {
  const directory = await withStty(
    'echo "$*" >>calls; case "$*" in *-drain*) echo "stty: invalid argument -drain" >&2; exit 1; esac',
  );
  const port = await openTty("/dev/null", serial, new AbortController().signal);
  port.close();
  const calls = (await readFile(join(directory, "calls"), "utf8")).trim().split("\n");
  expect(calls.map((call) => call.includes("-drain"))).toEqual([true, false]);
});
