// The unit of systemd that the package ships. test/interop/systemd.test.ts has systemd-analyze check it.
import { readFileSync } from "node:fs";
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
