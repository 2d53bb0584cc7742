// The unit of systemd that the package ships. No systemd runs here: what it says is checked, and by systemd-analyze where that is installed.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { root } from "../../../test/house/source.ts";

const path = join(root, "packages/gateway/systemd/aiko-gateway.service");
const unit = readFileSync(path, "utf8");

test("the unit notifies, restarts for ever, reloads by SIGHUP and may open serial lines", () => {
  const lines = unit.split("\n");
  const wanted = [
    "Type=notify",
    "NotifyAccess=all",
    "Restart=always",
    "RestartSec=1",
    "RestartPreventExitStatus=78",
    "StartLimitIntervalSec=0",
    "ExecReload=kill -HUP $MAINPID",
    "DynamicUser=yes",
    "StateDirectory=aiko-gateway",
    "SupplementaryGroups=dialout",
  ];
  expect(wanted.filter((line) => !lines.includes(line))).toEqual([]);
  expect(unit).not.toMatch(/^(DevicePolicy|DeviceAllow|PrivateDevices|ProtectClock)=/m); // they keep serial lines away
  expect(unit).not.toMatch(/^MemoryDenyWriteExecute=/m); // V8 compiles at run time
});

test("the package ships the unit", () => {
  const { files } = JSON.parse(readFileSync(join(root, "packages/gateway/package.json"), "utf8"));
  expect(files).toContain("systemd");
});

const isInstalled = spawnSync("systemd-analyze", ["--version"]).status === 0;

test.skipIf(!isInstalled)("systemd-analyze finds nothing wrong", () => {
  const directory = mkdtempSync(join(tmpdir(), "aiko-unit-"));
  try {
    const copy = join(directory, "aiko-gateway.service");
    writeFileSync(copy, unit.replace("ExecStart=aiko-mqtt", `ExecStart=${process.execPath}`)); // the command need not be installed
    const { status, stderr } = spawnSync("systemd-analyze", ["verify", copy], { encoding: "utf8" });
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});
