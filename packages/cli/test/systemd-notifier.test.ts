// What a gateway tells systemd, by the command systemd-notify: here a script that writes it down. test/interop/systemd.test.ts has the real one.
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { Child } from "../../../test/fixtures/child.ts";

let directory: string;
let file: string;
let told: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "aiko-notify-"));
  file = join(directory, "g.toml");
  told = join(directory, "told");
  writeFileSync(
    file,
    `[gateway]\nid = "a"\n[uplink]\nurl = "mqtt://127.0.0.1:1"\n[spool]\nmode = "memory"
[[source]]\nid = "s"\nkind = "tcp-server"\nlisten = "127.0.0.1:0"\ntopic = "t"\n`,
  );
});
afterEach(() => {
  rmSync(directory, { recursive: true, force: true, maxRetries: 5 }); // a command that began before may still write to it
});

function gateway(environment: Readonly<Record<string, string>>): Child {
  return Child.command("aiko-mqtt", ["gateway", "--config", file], { environment });
}

async function until(isTrue: () => boolean): Promise<void> {
  while (!isTrue()) await new Promise((resolve) => setTimeout(resolve, 5));
}

const text = (): string => (existsSync(told) ? readFileSync(told, "utf8") : "");

test("says that it is ready, alive and stopping", async () => {
  const script = join(directory, "systemd-notify");
  writeFileSync(script, `#!/bin/sh\necho "$@" >> ${told}\n`);
  chmodSync(script, 0o755);
  await using child = gateway({
    PATH: `${directory}:${process.env["PATH"]}`,
    NOTIFY_SOCKET: "/none",
    WATCHDOG_USEC: "100000",
  });
  // Each is a process of its own: any may be the first.
  await until(() => text().includes("READY=1\n") && text().includes("WATCHDOG=1\n"));
  child.kill("SIGTERM");
  expect(await child.code()).toBe(0);
  await until(() => text().includes("STOPPING=1\n"));
});

test("runs without systemd, and without the command", async () => {
  for (const environment of [{ NOTIFY_SOCKET: "" }, { NOTIFY_SOCKET: "/none", PATH: "/none" }]) {
    await using child = gateway(environment);
    await child.noted("the source is up");
    child.kill("SIGTERM");
    expect(await child.code()).toBe(0);
    expect(child.notes.join()).not.toContain("notify");
  }
});
