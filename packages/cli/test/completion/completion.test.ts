// The command `completion`, and its script for bash in bash itself. test/interop/completion.test.ts has the other shells.
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { completionSuite, prepare, printed } from "./completion-suite.ts";

let folder: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "aiko-completion-"));
  await prepare(folder, "bash");
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function bash(...words: string[]): string[] {
  // As bash splits them, by COMP_WORDBREAKS.
  const split = words.flatMap((word) => (word === "" ? [""] : word.split(/(=)/).filter((part) => part !== "")));
  const script = `source ./bash; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _aiko_mqtt; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const output = execFileSync("bash", ["--norc", "-c", script, "bash", ...split], { cwd: folder, encoding: "utf8" });
  return output.split("\n").filter((line) => line !== "");
}

completionSuite("bash", bash);

test("bash completes the value behind an equals sign", () => {
  expect(bash("aiko-mqtt", "pub", "--qos=")).toEqual(["0", "1", "2"]);
  expect(bash("aiko-mqtt", "sub", "--retain-handling=n").sort()).toEqual(["never", "new"]);
});

test("bash 3.2 understands the script: it has no later syntax", async () => {
  const { output } = await printed("bash");
  expect(output).not.toMatch(/mapfile|readarray|declare -A|\|&|&>>|\$\{\w+[,^]/);
});

test.each([
  [[], "missing the shell: bash, zsh, fish"],
  [["csh"], 'shell "csh": must be bash, zsh, fish'],
  [["bash", "zsh"], 'unexpected argument "zsh"'],
])("%j is an error", async (argv, words) => {
  const { code, notes, output } = await printed(...argv);
  expect([code, output, notes]).toEqual([1, "", [expect.stringContaining(words)]]);
});
