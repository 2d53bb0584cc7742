// The manual pages of the package, in the programs that users read them with.
import { execFileSync, spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { root } from "../fixtures/child.ts";

const folder = join(root, "packages/cli/dist/man");
const pages = readdirSync(folder);

test("there is a page for the program and for each command", () => {
  expect(pages).toEqual(expect.arrayContaining(["aiko-mqtt.1", "aiko-mqtt-pub.1", "mqtt_publish.1"]));
});

test.each(pages)("man shows %s without a warning", (page) => {
  const { status, stdout, stderr } = spawnSync("man", ["--warnings=w", "-l", join(folder, page)], {
    encoding: "utf8",
    env: { ...process.env, LC_ALL: "C.UTF-8", MANWIDTH: "80", MAN_KEEP_FORMATTING: "", PAGER: "cat" },
  });
  expect([status, stderr]).toEqual([0, ""]);
  for (const heading of ["NAME", "SYNOPSIS", "DESCRIPTION", "SEE ALSO"]) expect(stdout).toContain(heading);
});

test.each(pages)("whatis finds the summary of %s", (page) => {
  const output = execFileSync("lexgrog", [join(folder, page)], { encoding: "utf8" });
  expect(output).toContain(` ${page.replace(/\.1$/, "")} - `.trim());
});
