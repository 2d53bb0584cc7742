// What each shell must complete with the script of `completion`.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { runCommand } from "../../src/command.ts";
import { programs } from "../../src/command-table.ts";
import { completionOf } from "../../src/completion/completion.ts";
import { RecordingTerminal } from "../explain/recording-terminal.ts";

/** Returns what the shell offers for the last of these words. */
export type Complete = (...words: string[]) => string[];

/** Runs `completion` with these arguments. */
export async function printed(...argv: string[]): Promise<RecordingTerminal & { code: number }> {
  const terminal = new RecordingTerminal();
  const code = await runCommand(completionOf(programs), argv, terminal);
  return Object.assign(terminal, { code });
}

/** Writes the script of the shell into the folder, and the files that the suite completes. */
export async function prepare(folder: string, shell: string): Promise<void> {
  writeFileSync(join(folder, shell), (await printed(shell)).output);
  writeFileSync(join(folder, "ca one.pem"), "");
  writeFileSync(join(folder, "ca two.pem"), "");
}

export function completionSuite(shell: string, complete: Complete): void {
  describe(`in ${shell}`, () => {
    test("completes commands", () => {
      expect(complete("aiko-mqtt", "pu").sort()).toEqual(["pub", "publish"]);
      expect(complete("aiko-mqtt", "")).toEqual(expect.arrayContaining(["pub", "sub", "broker", "gateway", "help"]));
      expect(complete("aiko-mqtt", "help", "su").sort()).toEqual(["sub", "subscribe"]);
    });

    test("completes the second word of a command", () => {
      const seconds = programs.umbrella.flatMap(({ names: [name = ""] }) => /^broker (.*)$/.exec(name)?.[1] ?? []);
      expect(complete("aiko-mqtt", "broker", "").sort()).toEqual(seconds.sort());
      expect(complete("aiko-mqtt", "gateway", "sp")).toEqual(["spool"]);
    });

    test("completes options", () => {
      expect(complete("aiko-mqtt", "sub", "--retain").sort()).toEqual([
        "--retain-as-published",
        "--retain-handling",
        "--retained-only",
      ]);
      expect(complete("aiko-mqtt", "pub", "-t", "a", "--null")).toEqual(["--null-message"]);
      expect(complete("aiko-mqtt", "broker", "check", "--mosq")).toEqual(["--mosquitto-conf"]);
      expect(complete("aiko-mqtt", "broker", "--allow-an")).toEqual(["--allow-anonymous"]);
      expect(complete("aiko-mqtt", "help", "pub", "--null")).toEqual(["--null-message"]);
    });

    test("completes options of the other programs", () => {
      expect(complete("mqtt_publish", "--will_r")).toEqual(["--will_retain"]);
      expect(complete("mqtt_subscribe", "--keep")).toEqual(["--keepalive"]);
    });

    test("completes values", () => {
      expect(complete("aiko-mqtt", "pub", "-q", "")).toEqual(["0", "1", "2"]);
      expect(complete("aiko-mqtt", "sub", "--retain-handling", "n").sort()).toEqual(["never", "new"]);
      expect(complete("aiko-mqtt", "completion", "").sort()).toEqual(["bash", "fish", "zsh"]);
    });

    test("completes files where a file is expected, and nothing where any text is", () => {
      const files = complete("aiko-mqtt", "pub", "--cafile", "ca").map((name) => name.replaceAll("\\", ""));
      expect(files.sort()).toEqual(["ca one.pem", "ca two.pem"]);
      expect(complete("aiko-mqtt", "pub", "-t", "ca")).toEqual([]);
      expect(complete("aiko-mqtt", "broker", "check", "ca")).toHaveLength(2);
    });

    test("offers each option of each command", () => {
      for (const { names } of programs.umbrella) {
        const offered = complete("aiko-mqtt", ...(names[0] ?? "").split(" "), "--");
        expect(offered).toEqual(expect.arrayContaining(["--help", "--version"]));
      }
    });
  });
}
