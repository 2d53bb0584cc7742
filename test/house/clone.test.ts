// The README's promise for a clone: the commands run by name once they are built. `npm test` builds them.
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { Child, root, run } from "../fixtures/child.ts";

const { bin } = JSON.parse(await readFile(join(root, "packages/cli/package.json"), "utf8")) as {
  bin: Record<string, string>;
};

test.each(Object.keys(bin))("npx %s runs the build of this clone without a request to a registry", async (command) => {
  const home = await mkdtemp(join(tmpdir(), "aiko-"));
  onTestFinished(() => rm(home, { recursive: true, force: true }));
  const environment = { HOME: home, npm_config_cache: join(home, "cache"), npm_config_offline: "true" };
  const shown = await run(new Child(command, "npx", [command, "--help"], { environment }));
  expect(shown).toMatchObject({ code: 0 });
  expect(shown.lines.join("\n")).toMatch(new RegExp(`usage: ${command}`, "i"));
});
