import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { root } from "../../../test/house/source.ts";

const program = join(root, "packages/cli/dist/bin/aiko-mqtt.cjs");
const [major] = process.versions.node.split(".");

let temporary: string;

beforeEach(() => {
  temporary = mkdtempSync(join(tmpdir(), "aiko-mqtt-code-"));
});

afterEach(() => {
  chmodSync(temporary, 0o700);
  rmSync(temporary, { recursive: true });
});

function run(environment: NodeJS.ProcessEnv = {}): { code: number | null; output: string; notes: string } {
  const env = { ...process.env, TMPDIR: temporary, ...environment };
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, "--version"], { env, encoding: "utf8" });
  return { code: status, output: stdout, notes: stderr };
}

const fine = { code: 0, output: expect.stringMatching(/^aiko-mqtt \d/) as string, notes: "" };

/** The folder of compiled code. */
function folder(): string {
  const [only, ...others] = readdirSync(temporary);
  expect(others).toEqual([]);
  return join(temporary, only ?? "");
}

// From version 22.1 on, Node keeps compiled code itself.
describe.runIf(major === "20")("on Node 20, compiled code", () => {
  test("is kept for the user alone, and is used by the next run", () => {
    expect(run()).toEqual(fine);
    expect(statSync(folder()).mode & 0o777).toBe(0o700);
    const [kept = ""] = readdirSync(folder());
    const written = statSync(join(folder(), kept)).mtimeMs;
    expect(run()).toEqual(fine);
    expect(statSync(join(folder(), kept)).mtimeMs).toBe(written);
    expect(statSync(join(folder(), kept)).size).toBeGreaterThan(50_000);
  });

  test("that is damaged is compiled and kept again", () => {
    run();
    const [kept = ""] = readdirSync(folder());
    const path = join(folder(), kept);
    for (const content of [readFileSync(path).subarray(0, 10_000), Buffer.alloc(1_000, 0xff), Buffer.alloc(0)]) {
      writeFileSync(path, content);
      expect(run()).toEqual(fine);
      expect(statSync(path).size).toBeGreaterThan(50_000);
    }
  });

  test("is not taken from a folder that others can write to", () => {
    run();
    const path = folder();
    const [kept = ""] = readdirSync(path);
    writeFileSync(join(path, kept), "never read");
    chmodSync(path, 0o777);
    expect(run()).toEqual(fine);
    expect(readFileSync(join(path, kept), "utf8")).toBe("never read");
  });

  test("is not kept if a file is in the place of the folder", () => {
    run();
    const path = folder();
    rmSync(path, { recursive: true });
    writeFileSync(path, "");
    expect(run()).toEqual(fine);
    expect(readFileSync(path, "utf8")).toBe("");
  });

  test("of many versions is removed when another is added", () => {
    run();
    for (const name of readdirSync(folder())) rmSync(join(folder(), name));
    for (let i = 0; i <= 500; i++) writeFileSync(join(folder(), `${i}`), "old");
    expect(run()).toEqual(fine);
    expect(readdirSync(folder()).length).toBeLessThan(10);
  });

  test("is not kept if the environment says so", () => {
    expect(run({ NODE_DISABLE_COMPILE_CACHE: "1" })).toEqual(fine);
    expect(readdirSync(temporary)).toEqual([]);
  });
});

test("a command runs without a folder for temporary files", () => {
  expect(run({ TMPDIR: join(temporary, "missing") })).toEqual(fine);
  mkdirSync(join(temporary, "full"), { mode: 0o500 });
  expect(run({ TMPDIR: join(temporary, "full") })).toEqual(fine);
});
