// examples/broker/Containerfile, as far as no container is needed: what it installs and runs exists, and ends as a container should.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { Child } from "../../../test/fixtures/child.ts";
import { root } from "../../../test/house/source.ts";

const manifest = JSON.parse(readFileSync(join(root, "packages/cli/package.json"), "utf8"));
const instructions = readFileSync(join(root, "examples/broker/Containerfile"), "utf8")
  .replaceAll("\\\n", " ")
  .split("\n")
  .filter((line) => line !== "" && !line.startsWith("#"))
  .map((line) => line.split(/\s+(.*)/, 2) as [string, string]);
const only = (name: string): string => {
  const found = instructions.filter(([each]) => each === name).map(([, rest]) => rest);
  expect(found).toHaveLength(1);
  return found[0] ?? "";
};
const DIRECTORY = "/var/lib/aiko-broker";

test("installs this version of the command, on a version of Node that it supports", () => {
  expect(only("RUN")).toContain(`npm install --global ${manifest.name}@${manifest.version} `);
  const [, major] = /^docker\.io\/library\/node:(\d+)-slim$/.exec(only("FROM")) ?? [];
  const [, least] = /^>=(\d+)$/.exec(manifest.engines.node) ?? [];
  expect(Number(major)).toBeGreaterThanOrEqual(Number(least));
});

test("runs without the rights of root, with a volume that belongs to its user", () => {
  const names = instructions.map(([name]) => name);
  expect(only("USER")).toBe("node");
  expect(names.indexOf("USER")).toBeGreaterThan(names.lastIndexOf("RUN"));
  expect(JSON.parse(only("VOLUME"))).toEqual([DIRECTORY]);
  expect(only("RUN")).toMatch(new RegExp(`--owner=node --group=node --mode=0700 ${DIRECTORY}$`));
});

test("its command runs the broker, which stores in the volume and ends by SIGTERM", async () => {
  const [program, ...words] = JSON.parse(only("ENTRYPOINT"));
  expect(Object.keys(manifest.bin)).toContain(program);
  const [option, path] = JSON.parse(only("CMD"));
  expect(path).toBe("/etc/aiko/broker.toml");
  const folder = mkdtempSync(join(tmpdir(), "aiko-container-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const file = join(folder, "broker.toml");
  writeFileSync(file, `[[listener]]\nurl = "mqtt://127.0.0.1:0"\n[persistence]\ndir = "${folder}/volume"\n`);
  await using child = Child.command(program, [...words, option, file]);
  await child.said("listening on ");
  child.kill("SIGTERM");
  expect(await child.code()).toBe(0);
});
