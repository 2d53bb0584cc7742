// The unit of systemd for the broker that the package ships. test/interop/systemd.test.ts has systemd-analyze check it.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { root } from "../../../test/house/source.ts";

const unit = readFileSync(join(root, "packages/cli/systemd/aiko-broker.service"), "utf8");

test("the unit notifies, restarts for ever, reloads by SIGHUP, and has no rights", () => {
  const lines = unit.split("\n");
  const wanted = [
    "Type=notify",
    "NotifyAccess=all",
    "Restart=always",
    "RestartPreventExitStatus=78",
    "StartLimitIntervalSec=0",
    "ExecStart=aiko-mqtt broker --config /etc/aiko/broker.toml",
    "ExecReload=kill -HUP $MAINPID",
    "DynamicUser=yes",
    "StateDirectory=aiko-broker",
    "CapabilityBoundingSet=",
    "ProtectSystem=strict",
  ];
  expect(wanted.filter((line) => !lines.includes(line))).toEqual([]);
  expect(unit).not.toMatch(/^MemoryDenyWriteExecute=/m); // V8 compiles at run time
});

test("the package ships the unit", () => {
  const { files } = JSON.parse(readFileSync(join(root, "packages/cli/package.json"), "utf8"));
  expect(files).toContain("systemd");
});
