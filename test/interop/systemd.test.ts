// The gateway, the broker, and programs of systemd: what systemd-analyze says of the units, and what systemd-notify sends. No systemd runs here.
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { Child } from "../fixtures/child.ts";

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "aiko-systemd-"));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const units = {
  gateway: "packages/gateway/systemd/aiko-gateway.service",
  broker: "packages/cli/systemd/aiko-broker.service",
};

test.each(Object.entries(units))("systemd-analyze finds nothing wrong with the unit of the %s", (name, path) => {
  const unit = readFileSync(path, "utf8");
  const copy = join(directory, `aiko-${name}.service`);
  writeFileSync(copy, unit.replace("ExecStart=aiko-mqtt", `ExecStart=${process.execPath}`)); // the command need not be installed
  const { status, stderr } = spawnSync("systemd-analyze", ["verify", copy], { encoding: "utf8" });
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
});

const configurations = {
  gateway: `[gateway]\nid = "a"\n[uplink]\nurl = "mqtt://127.0.0.1:1"\n[spool]\nmode = "memory"
[[source]]\nid = "s"\nkind = "tcp-server"\nlisten = "127.0.0.1:0"\ntopic = "t"\n`,
  broker: `[[listener]]\nurl = "mqtt://127.0.0.1:0"\n`,
};

test.each(Object.entries(configurations))(
  "systemd-notify sends what the %s says to the socket of systemd",
  async (name, configuration) => {
    const [file, told, socket] = ["c.toml", "told", "socket"].map((each) => join(directory, each)) as [
      string,
      string,
      string,
    ];
    writeFileSync(file, configuration);
    const text = (): string => (existsSync(told) ? readFileSync(told, "utf8") : "");
    const until = async (isTrue: () => boolean): Promise<void> => {
      while (!isTrue()) await new Promise((resolve) => setTimeout(resolve, 5));
    };
    const peer = spawn("socat", ["-u", `UNIX-RECV:${socket}`, `OPEN:${told},creat,append`]);
    try {
      await until(() => existsSync(socket));
      const environment = { NOTIFY_SOCKET: socket };
      await using child = Child.command("aiko-mqtt", [name, "--config", file], { environment });
      await until(() => text().includes("READY=1"));
      child.kill("SIGTERM");
      expect(await child.code()).toBe(0);
      await until(() => text().includes("STOPPING=1"));
    } finally {
      peer.kill("SIGKILL");
    }
  },
);
